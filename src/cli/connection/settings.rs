//! Settings of a new connection, from `--profile` and `--set KEY=VALUE`: the text of a
//! section, as the store keeps it.

use super::super::CliError;

/// The keys, a line each.
pub(super) fn text(profile: Option<&str>, set: &[String]) -> Result<String, CliError> {
    let mut lines = Vec::new();
    if let Some(profile) = profile {
        lines.push(format!("profile = {}", quoted(profile)));
    }
    for pair in set {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(CliError::Usage(format!(
                "--set {pair}: write KEY=VALUE, like limits.burst=5000"
            )));
        };
        lines.push(format!("{} = {}", key.trim(), written(value.trim())));
    }
    Ok(lines.join("\n"))
}

/// A value as TOML writes it; everything else is text as it is.
fn written(value: &str) -> String {
    let is_toml = !value.contains('\n') && toml::de::DeValue::parse(value).is_ok();
    if is_toml {
        value.to_owned()
    } else {
        quoted(value)
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PushSource;

    #[test]
    fn values_are_toml_or_text() {
        let set = [
            "guard.removals=10%",
            "priority = 20",
            "members=refuse",
            "leavers.delete_after=\"never\"",
        ];
        let text = text(Some("okta"), &set.map(str::to_owned)).unwrap();
        assert_eq!(
            text,
            "profile = \"okta\"\nguard.removals = \"10%\"\npriority = 20\nmembers = \"refuse\"\nleavers.delete_after = \"never\""
        );
        let source = PushSource::parse("x", "t", &text).unwrap();
        assert_eq!(source.priorities.default, 20);
        assert_eq!(source.settings.grace.0, None);
    }

    #[test]
    fn a_misspelt_setting_is_told() {
        let set = ["limits.bust=1".to_owned()];
        let text = text(None, &set).unwrap();
        let told = PushSource::parse("x", "t", &text).unwrap_err().to_string();
        assert!(told.contains("unknown key `bust`"), "{told}");
        assert!(super::text(None, &["x".to_owned()]).is_err());
    }
}
