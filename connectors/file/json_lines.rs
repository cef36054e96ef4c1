//! JSON lines: one object a line.

use std::fs::File;

use rollcall_directory::entry::Locator;
use serde_json::Value as Json;

use super::descriptor::Descriptor;
use super::problem::Problem;
use super::record::{Record, Records};
use super::settings::Encoding;
use super::text::{Decoder, Line, LineReader};
use crate::json::{attributes_of, parse_strict};

/// Reads one object after the other.
#[derive(Debug)]
pub(super) struct JsonLines<'a> {
    descriptor: &'a Descriptor,
    lines: LineReader<Decoder<&'a File>>,
}

impl<'a> JsonLines<'a> {
    pub(super) fn new(descriptor: &'a Descriptor, encoding: Encoding) -> Result<Self, Problem> {
        Ok(Self {
            descriptor,
            lines: LineReader::new(descriptor.text(encoding)?),
        })
    }

    fn record(&self) -> Record {
        let line = self.lines.number;
        let locator = Locator::Line(line);
        match parse_strict(&self.lines.line) {
            Ok(Json::Object(object)) => {
                let (attributes, flaws) = attributes_of(object, false);
                Record {
                    line,
                    locator,
                    attributes,
                    flaws,
                    malformed: None,
                }
            }
            Ok(_) => Record::malformed(
                line,
                locator,
                "the line is JSON but not an object: this format is one object a line".to_owned(),
            ),
            Err(error) => Record::malformed(line, locator, format!("no JSON object: {error}")),
        }
    }
}

impl Records for JsonLines<'_> {
    fn next(&mut self) -> Result<Option<Record>, Problem> {
        loop {
            let found = self
                .lines
                .next()
                .map_err(|error| self.descriptor.unreadable(error))?;
            match found {
                Line::End => return Ok(None),
                Line::TooLong => {
                    let line = self.lines.number;
                    return Ok(Some(Record::malformed(
                        line,
                        Locator::Line(line),
                        "the line is longer than 16 MiB".to_owned(),
                    )));
                }
                Line::Whole | Line::Unended if self.lines.line.trim_ascii().is_empty() => {}
                Line::Whole => return Ok(Some(self.record())),
                Line::Unended => {
                    // A whole object cannot be the beginning of a longer one, so the last
                    // line needs no line end to be known as whole.
                    let record = self.record();
                    if record.malformed.is_some() {
                        return Err(Problem::Cut {
                            file: self.descriptor.name(),
                            line: self.lines.number,
                            detail: "the last line is half an object",
                        });
                    }
                    return Ok(Some(record));
                }
            }
        }
    }
}
