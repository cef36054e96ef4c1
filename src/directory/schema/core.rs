//! The schemas of RFC 7643 §4, as data.

use super::{
    AttributeDefinition, AttributeType, ENTERPRISE_USER, GROUP, Mutability, Returned, Schema, USER,
    Uniqueness,
};

fn attribute(name: &str, kind: AttributeType, description: &str) -> AttributeDefinition {
    AttributeDefinition {
        name: name.to_owned(),
        description: description.to_owned(),
        kind,
        multi_valued: false,
        required: false,
        case_exact: false,
        mutability: Mutability::ReadWrite,
        returned: Returned::Default,
        uniqueness: Uniqueness::None,
        sub_attributes: Vec::new(),
    }
}

fn text(name: &str, description: &str) -> AttributeDefinition {
    attribute(name, AttributeType::String, description)
}

impl AttributeDefinition {
    fn list(mut self) -> Self {
        self.multi_valued = true;
        self
    }
    fn required(mut self) -> Self {
        self.required = true;
        self
    }
    fn case_exact(mut self) -> Self {
        self.case_exact = true;
        self
    }
    fn read_only(mut self) -> Self {
        self.mutability = Mutability::ReadOnly;
        self
    }
    fn immutable(mut self) -> Self {
        self.mutability = Mutability::Immutable;
        self
    }
    fn unique(mut self) -> Self {
        self.uniqueness = Uniqueness::Server;
        self
    }
    fn with(mut self, sub_attributes: Vec<AttributeDefinition>) -> Self {
        self.sub_attributes = sub_attributes;
        self
    }
}

/// A multi-valued complex attribute with the usual sub-attributes (RFC 7643 §2.4).
fn values_of(name: &str, value: AttributeType, description: &str) -> AttributeDefinition {
    let mut value = attribute("value", value, "The value itself.");
    value.case_exact = value.kind == AttributeType::Reference;
    attribute(name, AttributeType::Complex, description)
        .list()
        .with(vec![
            value,
            text("display", "How the value is shown to people."),
            text(
                "type",
                "What the value is for, such as work, home or other.",
            ),
            attribute(
                "primary",
                AttributeType::Boolean,
                "The preferred value; at most one is.",
            ),
        ])
}

pub(super) fn user() -> Schema {
    use AttributeType::{Binary, Boolean, Complex, Reference, String};
    let mut password = text(
        "password",
        "A password to set; stored as a hash, never returned.",
    )
    .case_exact();
    password.mutability = Mutability::WriteOnly;
    password.returned = Returned::Never;
    Schema {
        id: USER.to_owned(),
        name: "User".to_owned(),
        description: "A person".to_owned(),
        attributes: vec![
            text(
                "externalId",
                "The identifier that the source or the client gave.",
            )
            .case_exact(),
            text(
                "userName",
                "The name that the person signs in with; unique in a tenant.",
            )
            .required()
            .unique(),
            attribute("name", Complex, "The parts of the person's name.").with(vec![
                text("formatted", "The whole name as it is written."),
                text("familyName", "The family name."),
                text("givenName", "The given name."),
                text("middleName", "The middle names."),
                text("honorificPrefix", "A title in front, such as Dr."),
                text("honorificSuffix", "What follows the name, such as III."),
            ]),
            text("displayName", "The name that is shown to others."),
            text("nickName", "What the person is called."),
            attribute("profileUrl", Reference, "A page about the person.").case_exact(),
            text("title", "The position held, such as Vice President."),
            text(
                "userType",
                "The relation to the organisation, such as employee or contractor.",
            ),
            text(
                "preferredLanguage",
                "The language to address the person in, as in Accept-Language.",
            ),
            text("locale", "How numbers, dates and currency are written."),
            text("timezone", "The IANA time zone, such as Europe/Zurich."),
            attribute("active", Boolean, "Whether the person may sign in."),
            password,
            values_of("emails", String, "E-mail addresses."),
            values_of("phoneNumbers", String, "Telephone numbers."),
            values_of("ims", String, "Instant messaging addresses."),
            values_of("photos", Reference, "URLs of photos."),
            attribute("addresses", Complex, "Postal addresses.")
                .list()
                .with(vec![
                    text("formatted", "The whole address as it is written."),
                    text("streetAddress", "Street and house number."),
                    text("locality", "City or town."),
                    text("region", "State or region."),
                    text("postalCode", "Postal code."),
                    text("country", "ISO 3166-1 alpha-2 code."),
                    text("type", "What the address is for."),
                    attribute("primary", Boolean, "The preferred address; at most one is."),
                ]),
            attribute("groups", Complex, "The groups that the person belongs to.")
                .list()
                .read_only()
                .with(vec![
                    text("value", "The group's id.").read_only(),
                    attribute("$ref", Reference, "The group's URI.")
                        .case_exact()
                        .read_only(),
                    text("display", "The group's name.").read_only(),
                    text("type", "direct or indirect.").read_only(),
                ]),
            values_of("entitlements", String, "What the person is entitled to."),
            values_of("roles", String, "The person's roles."),
            values_of("x509Certificates", Binary, "Certificates in DER."),
        ],
    }
}

pub(super) fn group() -> Schema {
    Schema {
        id: GROUP.to_owned(),
        name: "Group".to_owned(),
        description: "A group".to_owned(),
        attributes: vec![
            text(
                "externalId",
                "The identifier that the source or the client gave.",
            )
            .case_exact(),
            text("displayName", "The group's name.").required(),
            attribute(
                "members",
                AttributeType::Complex,
                "Who belongs to the group: users and groups.",
            )
            .list()
            .with(vec![
                text("value", "The member's id.").case_exact().immutable(),
                attribute("$ref", AttributeType::Reference, "The member's URI.")
                    .case_exact()
                    .immutable(),
                text("display", "The member's name.").read_only(),
                text("type", "User or Group.").immutable(),
            ]),
        ],
    }
}

pub(super) fn enterprise_user() -> Schema {
    Schema {
        id: ENTERPRISE_USER.to_owned(),
        name: "EnterpriseUser".to_owned(),
        description: "What organisations record about their people".to_owned(),
        attributes: vec![
            text("employeeNumber", "The number that the employer gave."),
            text("costCenter", "Cost centre."),
            text("organization", "Organisation."),
            text("division", "Division."),
            text("department", "Department."),
            attribute("manager", AttributeType::Complex, "The person's manager.").with(vec![
                text("value", "The manager's id.").case_exact(),
                attribute("$ref", AttributeType::Reference, "The manager's URI.").case_exact(),
                text("displayName", "The manager's name.").read_only(),
            ]),
        ],
    }
}
