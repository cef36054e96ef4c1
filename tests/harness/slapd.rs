//! A real slapd for one test: its own folder, ports and certificate authority, loaded by
//! slapadd, run in the foreground as a child that dies with the test. Depends on no crate
//! of ours, so that every test binary can include it.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SLAPD: &str = "/usr/sbin/slapd";
const SLAPADD: &str = "/usr/sbin/slapadd";
const HOW_TO_INSTALL: &str = "slapd is needed: apt-get install slapd ldap-utils";
const START_DEADLINE: Duration = Duration::from_secs(20);

/// What the server certificate is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Certificate {
    /// For localhost and 127.0.0.1.
    #[default]
    Good,
    /// Ended long ago.
    Expired,
    /// For another host.
    OtherHost,
}

/// How the server is set up.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The most entries that the sync account may read, in all pages together.
    pub size_limit: Option<u32>,
    /// The server's certificate.
    pub certificate: Certificate,
    /// Maintain memberOf.
    pub memberof: bool,
    /// Bind needs an encrypted connection.
    pub require_tls: bool,
}

/// A running server.
#[derive(Debug)]
pub struct Slapd {
    folder: tempfile::TempDir,
    child: Option<Child>,
    /// Of `ldap://`.
    pub port: u16,
    /// Of `ldaps://`.
    pub tls_port: u16,
}

impl Slapd {
    /// Where everything is.
    pub const SUFFIX: &str = "dc=example,dc=org";
    /// May read all but passwords; [`Slapd::BASE_LDIF`] makes it.
    pub const SYNC_DN: &str = "cn=sync,dc=example,dc=org";
    /// Its password.
    pub const SYNC_PASSWORD: &str = "sync-secret";
    const ADMIN_DN: &str = "cn=admin,dc=example,dc=org";
    const ADMIN_PASSWORD: &str = "admin-secret";
    /// The suffix, the sync account, ou=people and ou=groups.
    pub const BASE_LDIF: &str = "dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=sync,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: sync
userPassword: sync-secret

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups
";

    /// Starts a server with the base entries and `ldif`.
    pub fn start(ldif: &str) -> Self {
        Self::start_with(&Options::default(), ldif)
    }

    /// Starts a server with options, the base entries and `ldif`.
    pub fn start_with(options: &Options, ldif: &str) -> Self {
        assert!(Path::new(SLAPD).exists(), "{HOW_TO_INSTALL}");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut slapd = Self {
            folder,
            child: None,
            port: free_port(),
            tls_port: free_port(),
        };
        slapd.write_certificates(options.certificate);
        slapd.write_configuration(options);
        slapd.load(&format!("{}\n{ldif}", Self::BASE_LDIF));
        slapd.start_again();
        slapd
    }

    /// `ldap://localhost:PORT`.
    pub fn url(&self) -> String {
        format!("ldap://localhost:{}", self.port)
    }

    /// `ldaps://localhost:PORT`.
    pub fn ldaps_url(&self) -> String {
        format!("ldaps://localhost:{}", self.tls_port)
    }

    /// The certificate authority's certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.path("ca.crt")
    }

    /// Starts the server again after [`Slapd::stop`] or [`Slapd::kill`].
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = std::fs::File::create(self.path("log")).expect("a log");
        let mut child = Command::new(SLAPD)
            .args(["-d", "0", "-f"])
            .arg(self.path("slapd.conf"))
            .arg("-h")
            .arg(format!(
                "ldap://127.0.0.1:{} ldaps://127.0.0.1:{}",
                self.port, self.tls_port
            ))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect(HOW_TO_INSTALL);
        let deadline = Instant::now() + START_DEADLINE;
        while TcpStream::connect(("127.0.0.1", self.tls_port)).is_err()
            || TcpStream::connect(("127.0.0.1", self.port)).is_err()
        {
            let ended = child.try_wait().expect("a child");
            let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(ended.is_none(), "slapd ended: {log}");
            assert!(Instant::now() < deadline, "slapd does not listen: {log}");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child = Some(child);
    }

    /// Stops it as an administrator does: it says good-bye to its clients.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            run(Command::new("kill").arg(child.id().to_string()), "");
            child.wait().expect("a child");
        }
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Changes entries (LDIF with changetype), as the administrator.
    pub fn modify(&self, ldif: &str) {
        run(
            Command::new("ldapmodify").args([
                "-x",
                "-H",
                &self.url(),
                "-D",
                Self::ADMIN_DN,
                "-w",
                Self::ADMIN_PASSWORD,
            ]),
            ldif,
        );
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self, ldif: &str) {
        run(
            Command::new(SLAPADD)
                .args(["-q", "-w", "-b", Self::SUFFIX, "-f"])
                .arg(self.path("slapd.conf")),
            ldif,
        );
    }

    fn write_configuration(&self, options: &Options) {
        std::fs::create_dir(self.path("db")).expect("a folder");
        let folder = self.folder.path().display();
        let limit = options
            .size_limit
            .map_or("unlimited".to_owned(), |n| n.to_string());
        let overlay = |text: &'static str| if options.memberof { text } else { "" };
        let security = if options.require_tls {
            "security simple_bind=128"
        } else {
            ""
        };
        let text = format!(
            "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/dyngroup.schema
modulepath /usr/lib/ldap
moduleload back_mdb
{}
pidfile {folder}/pid
argsfile {folder}/args
threads 2
TLSCACertificateFile {folder}/ca.crt
TLSCertificateFile {folder}/server.crt
TLSCertificateKeyFile {folder}/server.key
{security}
sizelimit 500
database mdb
suffix {}
rootdn {}
rootpw {}
directory {folder}/db
maxsize 1073741824
envflags nosync
index objectClass,entryUUID,uid,member eq
limits dn.exact={} size={limit} size.prtotal={limit} time=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact={} read by * none
{}
",
            overlay("moduleload memberof"),
            Self::SUFFIX,
            Self::ADMIN_DN,
            Self::ADMIN_PASSWORD,
            Self::SYNC_DN,
            Self::SYNC_DN,
            overlay("overlay memberof\nmemberof-refint TRUE"),
        );
        std::fs::write(self.path("slapd.conf"), text).expect("a file");
    }

    fn write_certificates(&self, kind: Certificate) {
        use rcgen::{
            BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
        };
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name
            .push(DnType::CommonName, "Test authority");
        let ca_certificate = ca.self_signed(&ca_key).expect("a certificate");
        let issuer = Issuer::new(ca, ca_key);

        let names: &[&str] = match kind {
            Certificate::OtherHost => &["other.example.org"],
            _ => &["localhost", "127.0.0.1"],
        };
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut server = CertificateParams::new(names).expect("names");
        server
            .distinguished_name
            .push(DnType::CommonName, "slapd of a test");
        server.not_before = date_time_ymd(2020, 1, 1);
        server.not_after = match kind {
            Certificate::Expired => date_time_ymd(2021, 1, 1),
            _ => date_time_ymd(2090, 1, 1),
        };
        let key = KeyPair::generate().expect("a key");
        let certificate = server.signed_by(&key, &issuer).expect("a certificate");
        for (name, text) in [
            ("ca.crt", ca_certificate.pem()),
            ("server.crt", certificate.pem()),
            ("server.key", key.serialize_pem()),
        ] {
            std::fs::write(self.path(name), text).expect("a file");
        }
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on just now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn run(command: &mut Command, input: &str) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect(HOW_TO_INSTALL);
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin
        .write_all(input.as_bytes())
        .expect("a pipe that is read");
    drop(stdin);
    let output = child.wait_with_output().expect("a child");
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
