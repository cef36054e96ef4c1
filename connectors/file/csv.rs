//! CSV (RFC 4180) with a header line.
//!
//! The reader is given one record more than the file has. When that record does not come
//! out alone, a quote was left open, and what swallowed it is no record.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Arc;

use rollcall_directory::entry::{Attribute, Attributes, Flaw, Locator, Value};

use super::descriptor::Descriptor;
use super::problem::Problem;
use super::record::{Record, Records};
use super::settings::Encoding;
use super::text::{Decoder, LINE_BYTES_MAX, text_of};

/// The record behind the last one. NUL stands in no text that we take.
const SENTINEL: &[u8] = b"\0end of file\0";

/// How the file says what.
#[derive(Debug, Clone)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) value_separator: Option<String>,
}

/// Reads one record after the other.
#[derive(Debug)]
pub(super) struct CsvRecords<'a> {
    descriptor: &'a Descriptor,
    reader: csv::Reader<Watched<Decoder<&'a File>>>,
    watch: Rc<Watch>,
    columns: Vec<Arc<str>>,
    value_separator: Option<String>,
    row: csv::ByteRecord,
    /// How many line feeds the parser has passed when it gives a record: the one that ends
    /// it, or, in a file of CR LF, none, since the parser stops at the CR.
    feeds_at_end: u64,
}

impl<'a> CsvRecords<'a> {
    /// Opens a pass and reads the header.
    pub(super) fn new(
        descriptor: &'a Descriptor,
        encoding: Encoding,
        dialect: &Dialect,
    ) -> Result<Self, Problem> {
        let watch = Rc::new(Watch::default());
        let watched = Watched {
            inner: descriptor.text(encoding)?,
            watch: Rc::clone(&watch),
            tail: Vec::new(),
            at_end: false,
        };
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(dialect.delimiter)
            .from_reader(watched);
        let mut records = Self {
            descriptor,
            reader,
            watch,
            columns: Vec::new(),
            value_separator: dialect.value_separator.clone(),
            row: csv::ByteRecord::new(),
            feeds_at_end: 0,
        };
        records.header()?;
        Ok(records)
    }

    /// The names of the columns, exactly as the header has them.
    pub(super) fn columns(&self) -> &[Arc<str>] {
        &self.columns
    }

    fn header(&mut self) -> Result<(), Problem> {
        if !self.advance()? {
            return Err(self.refused(1, "the file is empty, it has not even a header".to_owned()));
        }
        self.feeds_at_end = self.line().saturating_sub(1).min(1);
        let line = self.line();
        let mut columns: Vec<Arc<str>> = Vec::new();
        for field in &self.row {
            let name = text_of(field)
                .map_err(|because| self.refused(line, format!("a column name {because}")))?
                .trim();
            if !name.is_empty() && columns.iter().any(|known| **known == *name) {
                let because =
                    format!("the header names the column `{name}` twice: rename one of them");
                return Err(self.refused(line, because));
            }
            columns.push(name.into());
        }
        self.columns = columns;
        Ok(())
    }

    /// Reads the next row; false at the end of the file.
    fn advance(&mut self) -> Result<bool, Problem> {
        self.watch.since_record.set(0);
        let read = self.reader.read_byte_record(&mut self.row);
        match read {
            Ok(true) if self.row.len() == 1 && self.row.get(0) == Some(SENTINEL) => self.end(),
            Ok(true) if self.row.iter().any(|field| field.ends_with(SENTINEL_LINE)) => {
                Err(self.open_quote())
            }
            Ok(true) => Ok(true),
            Ok(false) => Err(self.open_quote()),
            Err(error) => Err(self.failure(error)),
        }
    }

    fn end(&self) -> Result<bool, Problem> {
        if self.watch.unended.get() {
            return Err(Problem::Cut {
                file: self.descriptor.name(),
                // The sentinel stands on the line behind it, and ends in LF.
                line: self.line_before(1).saturating_sub(1),
                detail: "the last line has no line end",
            });
        }
        Ok(false)
    }

    fn failure(&self, error: csv::Error) -> Problem {
        let line = self.reader.position().line();
        match error.into_kind() {
            csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => self
                .refused(
                    line,
                    "the record that begins here is longer than 16 MiB: is a quote not closed?"
                        .to_owned(),
                ),
            csv::ErrorKind::Io(error) => self.descriptor.unreadable(error),
            kind => self.refused(line, format!("no CSV: {kind:?}")),
        }
    }

    /// Where the current row begins. The parser's own place for a row is the end of the
    /// row before, which in a file of CR LF is still the line before.
    fn line(&self) -> u64 {
        self.line_before(self.feeds_at_end)
    }

    /// Where the current row begins when `feeds` line feeds were passed behind it.
    fn line_before(&self, feeds: u64) -> u64 {
        let fields = self.row.iter().flatten();
        let inside = fields.filter(|octet| **octet == b'\n').count();
        let passed = feeds.saturating_add(u64::try_from(inside).unwrap_or(u64::MAX));
        let at_end = self.reader.position().line();
        at_end.saturating_sub(passed).max(1)
    }

    /// A quote was open when the file ended, so no line end stands behind the row.
    fn open_quote(&self) -> Problem {
        Problem::Cut {
            file: self.descriptor.name(),
            line: self.line_before(0),
            detail: "a quote is never closed",
        }
    }

    fn refused(&self, line: u64, detail: String) -> Problem {
        Problem::Refused {
            file: self.descriptor.name(),
            line,
            detail,
        }
    }

    fn record(&self) -> Record {
        let line = self.line();
        let locator = Locator::Line(line);
        if self.row.len() != self.columns.len() {
            let because = format!(
                "{} columns, but the header has {}",
                self.row.len(),
                self.columns.len()
            );
            return Record::malformed(line, locator, because);
        }
        let mut flaws = Vec::new();
        let mut list = Vec::with_capacity(self.columns.len());
        for (name, field) in self.columns.iter().zip(&self.row) {
            if name.is_empty() {
                continue;
            }
            let values = match text_of(field) {
                Ok(text) => self.values(text),
                Err(because) => {
                    flaws.push(Flaw {
                        attribute: name.to_string(),
                        reason: because.to_owned(),
                    });
                    Vec::new()
                }
            };
            list.push(Attribute {
                name: Arc::clone(name),
                values,
            });
        }
        Record {
            line,
            locator,
            attributes: Attributes::new(list, false),
            flaws,
            malformed: None,
        }
    }

    fn values(&self, field: &str) -> Vec<Value> {
        match &self.value_separator {
            Some(separator) if !separator.is_empty() => field
                .split(separator.as_str())
                .map(|part| Value::from(part.trim()))
                .collect(),
            _ => vec![Value::from(field)],
        }
    }

    fn repeats_header(&self) -> bool {
        self.row.len() == self.columns.len()
            && self
                .columns
                .iter()
                .zip(&self.row)
                .all(|(name, field)| field.trim_ascii() == name.as_bytes())
    }
}

impl Records for CsvRecords<'_> {
    fn next(&mut self) -> Result<Option<Record>, Problem> {
        if !self.advance()? {
            return Ok(None);
        }
        if self.repeats_header() {
            let because = "the header stands here again: two exports were put into one file";
            return Err(self.refused(self.line(), because.to_owned()));
        }
        Ok(Some(self.record()))
    }
}

/// What the sentinel looks like inside a field that swallowed it.
const SENTINEL_LINE: &[u8] = b"\0end of file\0\n";

/// What is noticed below the parser.
#[derive(Debug, Default)]
struct Watch {
    /// Octets handed to the parser since it last asked for a record.
    since_record: Cell<usize>,
    /// The last octet of the file is no line end.
    unended: Cell<bool>,
}

/// Hands the file to the parser, then the sentinel; stops a record that grows for ever.
#[derive(Debug)]
struct Watched<R> {
    inner: R,
    watch: Rc<Watch>,
    /// What is left of the sentinel, backwards.
    tail: Vec<u8>,
    at_end: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.watch.since_record.get() > LINE_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let count = if self.at_end {
            0
        } else {
            self.inner.read(buffer)?
        };
        if count > 0 {
            let last = buffer.get(count - 1).copied().unwrap_or_default();
            self.watch.unended.set(last != b'\n' && last != b'\r');
        } else if !self.at_end {
            self.at_end = true;
            self.tail = SENTINEL_LINE.to_vec();
            if self.watch.unended.get() {
                self.tail.insert(0, b'\n');
            }
            self.tail.reverse();
        }
        let mut given = count;
        if self.at_end {
            for slot in buffer.iter_mut() {
                let Some(octet) = self.tail.pop() else { break };
                *slot = octet;
                given += 1;
            }
        }
        self.watch
            .since_record
            .set(self.watch.since_record.get() + given);
        Ok(given)
    }
}
