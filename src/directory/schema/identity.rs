//! Rollcall's own extension: what customer identity needs to know about a person and SCIM's
//! core lacks. What has a place in the core (address, time zone, locale, nick name, phone)
//! is not repeated here.

use super::AttributeType::{Boolean, Complex, DateTime, Integer};
use super::build::{attribute, reference, text};
use super::{IDENTITY_USER, Schema};

pub(super) fn identity_user() -> Schema {
    Schema {
        id: IDENTITY_USER.to_owned(),
        name: "IdentityUser".to_owned(),
        description: "What customer identity records about people".to_owned(),
        attributes: vec![
            text("description", "A remark about the person."),
            text("nationality", "ISO 3166-1 alpha-2 code of the nationality."),
            text(
                "position",
                "The position held, where it differs from the title.",
            ),
            text(
                "birthdate",
                "The day of birth, YYYY-MM-DD; OIDC claim `birthdate`.",
            ),
            text("gender", "The gender; OIDC claim `gender`.")
                .suggesting(&["female", "male", "other", "unknown"]),
            text("location", "Where the person usually is."),
            text("tenant", "The tenant that the person belongs to.")
                .case_exact()
                .read_only(),
            text("sources", "The sources that hold the person.")
                .list()
                .case_exact()
                .read_only(),
            text("status", "What the account's state is.")
                .suggesting(&["active", "disabled", "locked"])
                .read_only(),
            attribute("lastSignIn", DateTime, "When the person last signed in.").read_only(),
            attribute(
                "firstSignIn",
                Boolean,
                "Whether the person never signed in.",
            )
            .read_only(),
            attribute(
                "wrongSignIns",
                Integer,
                "How many times in a row a sign-in failed.",
            )
            .read_only(),
            attribute("lockedUntil", DateTime, "Until when signing in is refused.").read_only(),
            attribute(
                "mainAccount",
                Complex,
                "The account that this one was merged into.",
            )
            .read_only()
            .with(vec![
                text("value", "Its id.").case_exact().read_only(),
                reference("$ref", &["User"], "Its URI.").read_only(),
            ]),
        ],
    }
}
