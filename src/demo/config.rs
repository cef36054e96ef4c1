//! The demo's `rollcall.toml`, and the folder that it stands in.

use std::io;
use std::path::Path;

use super::hr_service::HrService;
use super::{ldif, mapping};
use crate::demo::people::Company;

/// The configuration file.
pub(crate) const CONFIG_FILE: &str = "rollcall.toml";
/// The export of the directory.
pub(crate) const EXPORT_FILE: &str = "directory.ldif";
/// The HR service's client secret.
const SECRET_FILE: &str = "hr.secret";
const MAPPINGS_FOLDER: &str = "mappings";

/// Fills `folder` with everything that a run of the demo needs: configuration, mappings,
/// secret and export.
///
/// # Errors
/// What the file system says.
pub(crate) fn write(
    folder: &Path,
    company: &Company,
    hr: &HrService,
    listen: std::net::SocketAddr,
) -> io::Result<()> {
    let mappings = folder.join(MAPPINGS_FOLDER);
    std::fs::create_dir_all(&mappings)?;
    for (name, text) in mapping::FILES {
        std::fs::write(mappings.join(format!("{name}.toml")), text)?;
    }
    write_secret(&folder.join(SECRET_FILE), hr.client_secret())?;
    ldif::write(company, &folder.join(EXPORT_FILE))?;
    std::fs::write(folder.join(CONFIG_FILE), text(folder, hr, listen))
}

/// A file that nobody else may read.
fn write_secret(path: &Path, secret: &str) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{secret}")
}

/// The text of the configuration file. Paths are absolute, so that it works from any
/// folder.
pub(crate) fn text(folder: &Path, hr: &HrService, listen: std::net::SocketAddr) -> String {
    let path = |name: &str| toml::Value::from(folder.join(name).display().to_string());
    let store = toml::Value::from(format!("sqlite:{}", folder.join("rollcall.db").display()));
    format!(
        r#"# The demo's configuration: an HR service and the export of a directory server become one
# directory. HR is asked first (the smaller priority number wins an attribute).

[server]
listen     = "{listen}"
public_url = "http://{listen}"

[store]
url = {store}

[tenants.example]
name  = "Example"
union = ["phoneNumbers"]   # the directory knows the mobile numbers, HR the others

[sources.hr]
kind          = "http"
mapping       = "hr-http"
priority      = 10
token_url     = "{token_url}"
client_id     = "{client_id}"
client_secret = {{ file = {secret} }}
allow_private = true   # the demo's service is on this machine
users  = {{ url = "{users_url}", items = "data", paging = {{ next = "meta.next" }}, total = {{ body = "meta.total" }}, item_url = "{users_url}/{{key}}" }}
groups = {{ url = "{groups_url}", items = "data", paging = {{ next = "meta.next" }}, total = {{ body = "meta.total" }}, item_url = "{groups_url}/{{key}}" }}
leavers = {{ action = "disable", delete_after = "30d" }}

[sources.directory]
kind       = "file"
mapping    = "directory-export"
priority   = 20
format     = "ldif"
users_file = {export}
"#,
        token_url = hr.token_url(),
        client_id = HrService::CLIENT_ID,
        secret = path(SECRET_FILE),
        users_url = hr.users_url(),
        groups_url = hr.groups_url(),
        export = path(EXPORT_FILE),
    )
}
