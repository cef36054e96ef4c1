//! Octets become UTF-8 as they stream by.
//!
//! A byte order mark decides; without one, the setting does. What is no character in the
//! file's encoding comes out as the octet FF, which UTF-8 never holds: whoever takes a
//! value out of the stream finds it there and refuses that one value, and the rest of the
//! file stays readable.

use std::io::{self, BufRead, Read};

use super::settings::Encoding;

/// Stands for what is no character.
const NO_CHARACTER: u8 = 0xFF;

/// How many octets are decoded at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Windows-1252 between 80 and 9F; NUL where it has no character.
const WINDOWS_1252_HIGH: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘',
    '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// A reader of UTF-8 over a reader of any [`Encoding`].
#[derive(Debug)]
pub(super) struct Decoder<R> {
    inner: R,
    encoding: Encoding,
    started: bool,
    ended: bool,
    /// Octets that wait for the rest of their character (UTF-16 only).
    pending: Vec<u8>,
    decoded: Vec<u8>,
    given: usize,
}

impl<R: Read> Decoder<R> {
    pub(super) fn new(inner: R, encoding: Encoding) -> Self {
        Self {
            inner,
            encoding,
            started: false,
            ended: false,
            pending: Vec::new(),
            decoded: Vec::new(),
            given: 0,
        }
    }

    /// Reads and decodes the next chunk into `decoded`.
    fn refill(&mut self) -> io::Result<()> {
        self.decoded.clear();
        self.given = 0;
        while self.decoded.is_empty() && !self.ended {
            let mut chunk = std::mem::take(&mut self.pending);
            let carried = chunk.len();
            let wanted = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
            (&mut self.inner).take(wanted).read_to_end(&mut chunk)?;
            self.ended = chunk.len() == carried;
            let rest = if self.started {
                &chunk
            } else {
                self.started = true;
                self.without_mark(&chunk)
            };
            let rest = rest.to_vec();
            self.decode(&rest);
        }
        Ok(())
    }

    /// Obeys a byte order mark and steps over it.
    fn without_mark<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        let marks: [(&[u8], Encoding); 3] = [
            (b"\xEF\xBB\xBF", Encoding::Utf8),
            (b"\xFF\xFE", Encoding::Utf16Le),
            (b"\xFE\xFF", Encoding::Utf16Be),
        ];
        for (mark, encoding) in marks {
            if let Some(rest) = chunk.strip_prefix(mark) {
                self.encoding = encoding;
                return rest;
            }
        }
        chunk
    }

    fn decode(&mut self, octets: &[u8]) {
        match self.encoding {
            Encoding::Utf8 => self.decoded.extend_from_slice(octets),
            Encoding::Latin1 => octets
                .iter()
                .for_each(|octet| self.push(char::from(*octet))),
            Encoding::Windows1252 => octets.iter().for_each(|octet| self.push_1252(*octet)),
            Encoding::Utf16Le => self.decode_utf16(octets, u16::from_le_bytes),
            Encoding::Utf16Be => self.decode_utf16(octets, u16::from_be_bytes),
        }
    }

    fn decode_utf16(&mut self, octets: &[u8], unit: fn([u8; 2]) -> u16) {
        let (pairs, odd) = octets.as_chunks::<2>();
        // A high surrogate at the end waits for its partner.
        let waits = !self.ended
            && pairs
                .last()
                .is_some_and(|pair| (0xD800..0xDC00).contains(&unit(*pair)));
        let whole = pairs.len() - usize::from(waits);
        let (now, later) = pairs.split_at(whole);
        for decoded in char::decode_utf16(now.iter().map(|pair| unit(*pair))) {
            match decoded {
                Ok(character) => self.push(character),
                Err(_) => self.decoded.push(NO_CHARACTER),
            }
        }
        self.pending.extend(later.iter().flatten());
        self.pending.extend_from_slice(odd);
        if self.ended && !self.pending.is_empty() {
            // Half a character: the file is cut, and its last line has no line end.
            self.pending.clear();
            self.decoded.push(NO_CHARACTER);
        }
    }

    fn push_1252(&mut self, octet: u8) {
        let high = octet
            .checked_sub(0x80)
            .and_then(|place| WINDOWS_1252_HIGH.get(usize::from(place)));
        match high {
            Some('\0') => self.decoded.push(NO_CHARACTER),
            Some(character) => self.push(*character),
            None => self.push(char::from(octet)),
        }
    }

    fn push(&mut self, character: char) {
        let mut buffer = [0; 4];
        self.decoded
            .extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
    }
}

impl<R: Read> BufRead for Decoder<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.given == self.decoded.len() {
            self.refill()?;
        }
        Ok(self.decoded.get(self.given..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.given = (self.given + amount).min(self.decoded.len());
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ready = self.fill_buf()?;
        let count = ready.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

/// One value as text, or why it is none.
pub(super) fn text_of(octets: &[u8]) -> Result<&str, &'static str> {
    let text = std::str::from_utf8(octets).map_err(
        |_| "is no text in the file's encoding (is `encoding` right, or is it a broken character?)",
    )?;
    if text.contains('\0') {
        return Err("contains a NUL character");
    }
    Ok(text)
}

/// What [`LineReader::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line without its line end, in the reader's buffer.
    Whole,
    /// As `Whole`, but the file ends here without a line end.
    Unended,
    /// Longer than [`LINE_BYTES_MAX`]: skipped.
    TooLong,
    /// No line is left.
    End,
}

/// The longest line, and the longest record: 16 MiB.
pub(super) const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Lines that end in LF or CR LF, counted from 1.
#[derive(Debug)]
pub(super) struct LineReader<R> {
    inner: R,
    /// The line last read, without its line end.
    pub(super) line: Vec<u8>,
    /// Its number.
    pub(super) number: u64,
}

impl<R: BufRead> LineReader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            line: Vec::new(),
            number: 0,
        }
    }

    pub(super) fn next(&mut self) -> io::Result<Line> {
        self.line.clear();
        let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        let taken = (&mut self.inner)
            .take(limit)
            .read_until(b'\n', &mut self.line)?;
        if taken == 0 {
            return Ok(Line::End);
        }
        self.number += 1;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
            if self.line.last() == Some(&b'\r') {
                self.line.pop();
            }
            return Ok(Line::Whole);
        }
        if taken < LINE_BYTES_MAX {
            return Ok(Line::Unended);
        }
        self.inner.skip_until(b'\n')?;
        self.line.clear();
        Ok(Line::TooLong)
    }
}
