//! The schemas of RFC 7643 §4, as data. What every resource has is in [`super::common`].

use super::AttributeType::{Binary, Boolean, Complex};
use super::build::{attribute, reference, text, values_of};
use super::{AttributeDefinition, ENTERPRISE_USER, GROUP, Mutability, Returned, Schema, USER};

/// RFC 7643 §4.1.
pub(super) fn user() -> Schema {
    let mut attributes = user_singular();
    attributes.extend(user_lists());
    Schema {
        id: USER.to_owned(),
        name: "User".to_owned(),
        description: "A person".to_owned(),
        attributes,
    }
}

/// RFC 7643 §4.1.1.
fn user_singular() -> Vec<AttributeDefinition> {
    let mut password = text(
        "password",
        "A password to set; stored as a hash, never returned.",
    )
    .case_exact();
    password.mutability = Mutability::WriteOnly;
    password.returned = Returned::Never;
    vec![
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
        reference("profileUrl", &["external"], "A page about the person."),
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
    ]
}

/// RFC 7643 §4.1.2.
fn user_lists() -> Vec<AttributeDefinition> {
    let value = || text("value", "The value itself.");
    vec![
        values_of(
            "emails",
            value(),
            &["work", "home", "other"],
            "E-mail addresses.",
        ),
        values_of(
            "phoneNumbers",
            value(),
            &["work", "home", "mobile", "fax", "pager", "other"],
            "Telephone numbers.",
        ),
        values_of(
            "ims",
            value(),
            &["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"],
            "Instant messaging addresses.",
        ),
        values_of(
            "photos",
            reference("value", &["external"], "The URL."),
            &["photo", "thumbnail"],
            "URLs of photos.",
        ),
        attribute("addresses", Complex, "Postal addresses.")
            .list()
            .with(vec![
                text("formatted", "The whole address as it is written."),
                text("streetAddress", "Street and house number."),
                text("locality", "City or town."),
                text("region", "State or region."),
                text("postalCode", "Postal code."),
                text("country", "ISO 3166-1 alpha-2 code."),
                text("type", "What the address is for.").suggesting(&["work", "home", "other"]),
                attribute("primary", Boolean, "The preferred address; at most one is."),
            ]),
        attribute("groups", Complex, "The groups that the person belongs to.")
            .list()
            .read_only()
            .with(vec![
                text("value", "The group's id.").read_only(),
                reference("$ref", &["Group"], "The group's URI.").read_only(),
                text("display", "The group's name.").read_only(),
                text("type", "direct or indirect.")
                    .suggesting(&["direct", "indirect"])
                    .read_only(),
            ]),
        values_of(
            "entitlements",
            value(),
            &[],
            "What the person is entitled to.",
        ),
        values_of("roles", value(), &[], "The person's roles."),
        values_of(
            "x509Certificates",
            attribute("value", Binary, "The certificate in DER.").case_exact(),
            &[],
            "Certificates.",
        ),
    ]
}

/// RFC 7643 §4.2.
pub(super) fn group() -> Schema {
    Schema {
        id: GROUP.to_owned(),
        name: "Group".to_owned(),
        description: "A group".to_owned(),
        attributes: vec![
            text("displayName", "The group's name.").required(),
            attribute(
                "members",
                Complex,
                "Who belongs to the group: users and groups.",
            )
            .list()
            .with(vec![
                text("value", "The member's id.").case_exact().immutable(),
                reference("$ref", &["User", "Group"], "The member's URI.").immutable(),
                text("display", "The member's name.")
                    .read_only()
                    .on_request(),
                text("type", "User or Group.")
                    .suggesting(&["User", "Group"])
                    .immutable(),
            ]),
        ],
    }
}

/// RFC 7643 §4.3.
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
            attribute("manager", Complex, "The person's manager.").with(vec![
                text("value", "The manager's id.").case_exact(),
                reference("$ref", &["User"], "The manager's URI."),
                text("displayName", "The manager's name.")
                    .read_only()
                    .on_request(),
            ]),
        ],
    }
}
