//! The octets of an answer: unpacked, bounded, and checked to be the JSON that was asked
//! for before anything believes them. A service in trouble often answers 200 with an HTML
//! page; a gzip bomb is a small answer with a huge inside.

use std::io::Write;

use flate2::write::MultiGzDecoder;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};

use super::problem::Problem;

/// No honest JSON packs better than this.
pub(crate) const RATIO_MAX: u64 = 100;
/// Below so many decoded bytes the ratio does not matter.
const RATIO_FROM_BYTES: u64 = 1024 * 1024;
/// How much is unpacked between two looks at the limits, in packed bytes.
pub(crate) const STEP_BYTES: usize = 1024;
/// The longest media type that is shown, in characters.
const TYPE_SHOWN_MAX: usize = 60;

/// Unpacks a body chunk by chunk.
#[derive(Debug)]
pub(crate) struct Unpacker {
    gzip: Option<MultiGzDecoder<Vec<u8>>>,
    packed: u64,
    unpacked: u64,
    place: String,
}

impl Unpacker {
    /// For the `Content-Encoding` of an answer.
    pub(crate) fn new(headers: &HeaderMap, place: &str) -> Result<Self, Problem> {
        let encoding = headers
            .get(CONTENT_ENCODING)
            .map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase());
        let gzip = match encoding.as_deref() {
            None | Some("" | "identity") => None,
            Some("gzip" | "x-gzip") => Some(MultiGzDecoder::new(Vec::new())),
            Some(_) => return Err(encoding_problem(place)),
        };
        Ok(Self {
            gzip,
            packed: 0,
            unpacked: 0,
            place: place.to_owned(),
        })
    }

    /// Unpacks `chunk` onto the end of `into`, which may hold `max` bytes.
    pub(crate) fn unpack(
        &mut self,
        chunk: &[u8],
        into: &mut Vec<u8>,
        max: u64,
    ) -> Result<(), Problem> {
        for step in chunk.chunks(STEP_BYTES) {
            let before = into.len();
            match &mut self.gzip {
                None => into.extend_from_slice(step),
                Some(gzip) => {
                    gzip.write_all(step)
                        .and_then(|()| gzip.flush())
                        .map_err(|_| encoding_problem(&self.place))?;
                    into.append(gzip.get_mut());
                }
            }
            self.packed += step.len() as u64;
            self.unpacked += (into.len() - before) as u64;
            self.check(into.len() as u64, max)?;
        }
        Ok(())
    }

    /// What is left at the end; a gzip stream that lacks its end is half an answer.
    pub(crate) fn finish(&mut self, into: &mut Vec<u8>) -> Result<(), Problem> {
        if let Some(gzip) = &mut self.gzip {
            gzip.try_finish().map_err(|_| Problem::HalfJson {
                place: self.place.clone(),
            })?;
            into.append(gzip.get_mut());
        }
        Ok(())
    }

    fn check(&self, held: u64, max: u64) -> Result<(), Problem> {
        let place = || self.place.clone();
        if held > max {
            return Err(Problem::TooLarge {
                place: place(),
                max,
            });
        }
        if self.unpacked > RATIO_FROM_BYTES && self.unpacked / self.packed.max(1) > RATIO_MAX {
            return Err(Problem::Ratio {
                place: place(),
                max: RATIO_MAX,
            });
        }
        Ok(())
    }
}

fn encoding_problem(place: &str) -> Problem {
    Problem::Encoding {
        place: place.to_owned(),
    }
}

/// Refuses an answer whose `Content-Type` says that it is something else than JSON, or than
/// JSON lines where those are taken. A missing one is let through: the body has to be JSON anyway.
pub(crate) fn check_type(
    headers: &HeaderMap,
    takes_lines: bool,
    place: &str,
) -> Result<(), Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let text = value.to_str().unwrap_or("?").to_ascii_lowercase();
    let essence = text.split(';').next().unwrap_or_default().trim();
    let place = || place.to_owned();
    if matches!(essence, "text/html" | "application/xhtml+xml") {
        return Err(Problem::Html { place: place() });
    }
    let fits = match essence {
        "application/json" | "text/json" => true,
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonlines"
        | "application/jsonlines"
        | "application/json-seq+lines"
        | "text/plain" => takes_lines,
        other => other.starts_with("application/") && other.ends_with("+json"),
    };
    if fits {
        return Ok(());
    }
    Err(Problem::WrongType {
        place: place(),
        found: essence.chars().take(TYPE_SHOWN_MAX).collect(),
    })
}

/// The text of a body. A declared charset other than UTF-8 is only harmless as long as
/// every octet is ASCII.
pub(crate) fn text<'a>(
    headers: &HeaderMap,
    body: &'a [u8],
    place: &str,
) -> Result<&'a str, Problem> {
    if let Some(charset) = foreign_charset(headers)
        && !body.is_ascii()
    {
        return Err(Problem::Charset {
            place: place.to_owned(),
            charset,
        });
    }
    let text = std::str::from_utf8(body).map_err(|_| Problem::NotUtf8 {
        place: place.to_owned(),
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('<') {
        return Err(Problem::Html {
            place: place.to_owned(),
        });
    }
    Ok(text)
}

fn foreign_charset(headers: &HeaderMap) -> Option<String> {
    let text = headers
        .get(CONTENT_TYPE)?
        .to_str()
        .ok()?
        .to_ascii_lowercase();
    let charset = text
        .split(';')
        .skip(1)
        .find_map(|parameter| parameter.trim().strip_prefix("charset="))?
        .trim_matches('"')
        .to_owned();
    let harmless = matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii" | "ascii");
    (!harmless).then(|| charset.chars().take(TYPE_SHOWN_MAX).collect())
}

/// Reads at most `max` bytes of a small answer; more is cut off.
pub(crate) async fn read_small(
    mut response: Response,
    max: usize,
) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend(chunk.iter().take(max - body.len()));
        if body.len() == max {
            break;
        }
    }
    Ok(body)
}
