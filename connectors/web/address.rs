//! Which addresses may be connected to. A source's URL is an administrator's word, but a
//! tenant's administrator is not the machine's: without this guard a URL could reach the
//! services that only this machine sees (loopback, the cloud's metadata address, the
//! company's inside). A host is resolved once a run and pinned to what it resolved to, so
//! that a name that answers differently the second time gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::Url;

use super::problem::Problem;

/// The host of a URL as an address, if it is written as one.
pub(crate) fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// Whether a URL names this very machine: the only place where `http://` needs no leave.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match literal(url) {
        Some(address) => embedded(address).is_loopback(),
        None => url.host_str().is_some_and(|host| {
            host.eq_ignore_ascii_case("localhost")
                || host.to_ascii_lowercase().ends_with(".localhost")
        }),
    }
}

/// Scheme, host and port are equal: credentials may go there too.
pub(crate) fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme()
        && a.host_str() == b.host_str()
        && a.port_or_known_default() == b.port_or_known_default()
}

/// Resolves the host of `url` and refuses it if any of its addresses may not be used.
pub(crate) async fn resolve(
    url: &Url,
    allow_private: bool,
    within: Duration,
) -> Result<Vec<SocketAddr>, Problem> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let addresses: Vec<SocketAddr> = match literal(url) {
        Some(address) => vec![SocketAddr::new(address, port)],
        None => tokio::time::timeout(within, tokio::net::lookup_host((host.as_str(), port)))
            .await
            .ok()
            .and_then(Result::ok)
            .map(Iterator::collect)
            .unwrap_or_default(),
    };
    if addresses.is_empty() {
        return Err(Problem::NoAddress { host });
    }
    let refused = addresses.iter().find(|a| !is_public(a.ip()));
    match refused {
        Some(address) if !allow_private => Err(Problem::PrivateAddress {
            host,
            address: address.ip(),
        }),
        _ => Ok(addresses),
    }
}

/// Whether an address belongs to the public internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match embedded(address) {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped (`::ffff:0:0/96`) or
/// translated (NAT64, `64:ff9b::/96`, RFC 6052).
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let [prefix @ .., high, low] = v6.segments();
    let [o1, o2] = high.to_be_bytes();
    let [o3, o4] = low.to_be_bytes();
    match prefix {
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => {
            IpAddr::V4(Ipv4Addr::new(o1, o2, o3, o4))
        }
        _ => address,
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, ..] = v4.octets();
    let shared = a == 100 && (64..128).contains(&b); // RFC 6598
    let this_network = a == 0;
    let reserved = a >= 240;
    !(v4.is_loopback()
        || v4.is_private()
        || v4.is_link_local()
        || v4.is_multicast()
        || shared
        || this_network
        || reserved)
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    !(v6.is_loopback()
        || v6.is_unspecified()
        || v6.is_multicast()
        || v6.is_unique_local()
        || v6.is_unicast_link_local())
}
