//! What a PATCH is refused with, where several operations say the same.

use crate::refusal::{Refusal, ScimType};
use crate::schema::Found;

pub(super) fn missing_value() -> Refusal {
    Refusal::value("`value` is missing")
}

pub(super) fn no_target(found: &Found<'_>) -> Refusal {
    Refusal::new(
        ScimType::NoTarget,
        format!(
            "no value of `{}` fulfils the filter in brackets",
            found.attribute.name
        ),
    )
}

pub(super) fn read_only(found: &Found<'_>) -> Refusal {
    Refusal::mutability(format!("`{}` is readOnly", found.path()))
}

pub(super) fn immutable(found: &Found<'_>) -> Refusal {
    Refusal::mutability(format!(
        "`{}` cannot be changed once it is set",
        found.path()
    ))
}

pub(super) fn required(found: &Found<'_>) -> Refusal {
    Refusal::mutability(format!(
        "`{}` is required and cannot be removed",
        found.path()
    ))
}
