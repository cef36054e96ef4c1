//! Dates as sources write them: RFC 3339, `YYYY-MM-DD`, LDAP generalizedTime (RFC 4517
//! §3.3.13), and the FILETIME of Active Directory (100 ns since 1601 in UTC).

use time::format_description::well_known::Rfc3339;
use time::{Date, Duration, Month, OffsetDateTime, Time, UtcOffset};

use super::Surroundings;
use super::text::as_text;
use crate::datum::Datum;

/// FILETIME at the Unix epoch.
const FILETIME_AT_UNIX_EPOCH: i128 = 116_444_736_000_000_000;

/// The FILETIME that Active Directory writes for "never", beside 0.
const FILETIME_NEVER: i64 = i64::MAX;

/// FILETIMEs of this century have 18 digits; a generalizedTime has at most 14 before its
/// fraction or zone.
const FILETIME_DIGITS_MIN: usize = 15;

/// What a source's date says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// An instant.
    At(OffsetDateTime),
    /// A whole day, in the source's zone.
    Day(Date),
    /// No end at all.
    Never,
}

/// `date(x)`: as RFC 3339 in UTC; a day is its beginning in the source's zone.
pub(super) fn date<'a>(args: &[Datum<'a>], around: &Surroundings<'_>) -> Result<Datum<'a>, String> {
    let at = match moment(args)? {
        None | Some(Moment::Never) => return Ok(Datum::Null),
        Some(Moment::At(at)) => at,
        Some(Moment::Day(day)) => day.midnight().assume_offset(around.zone),
    };
    at.to_offset(UtcOffset::UTC)
        .format(&Rfc3339)
        .map(Datum::text)
        .map_err(|_| "the year is not between 0 and 9999".to_owned())
}

/// `expired(x)`: whether it has passed. A day has passed when it has ended in the
/// source's zone; no date never passes.
pub(super) fn expired<'a>(
    args: &[Datum<'a>],
    around: &Surroundings<'_>,
) -> Result<Datum<'a>, String> {
    let passed = match moment(args)? {
        None | Some(Moment::Never) => false,
        Some(Moment::At(at)) => around.now >= at,
        Some(Moment::Day(day)) => around.now.to_offset(around.zone).date() > day,
    };
    Ok(Datum::Bool(passed))
}

fn moment(args: &[Datum<'_>]) -> Result<Option<Moment>, String> {
    let Some(subject) = args.first().filter(|d| !d.is_nothing()) else {
        return Ok(None);
    };
    let text = as_text(subject)?;
    let text = text.trim();
    parse(text).map(Some).ok_or_else(|| {
        "the value is no date: known are 2027-01-31, 2027-01-31T09:00:00Z, 20270131090000Z and FILETIME"
            .to_owned()
    })
}

fn parse(text: &str) -> Option<Moment> {
    let is_digits = text.bytes().all(|b| b.is_ascii_digit());
    if is_digits && (text == "0" || text.len() >= FILETIME_DIGITS_MIN) {
        return filetime(text);
    }
    parse_rfc3339(text)
        .map(Moment::At)
        .or_else(|| day(text).map(Moment::Day))
        .or_else(|| generalized_time(text).map(Moment::At))
}

/// An RFC 3339 instant.
pub(crate) fn parse_rfc3339(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

fn filetime(digits: &str) -> Option<Moment> {
    let ticks: i64 = digits.parse().ok()?;
    if ticks == 0 || ticks == FILETIME_NEVER {
        return Some(Moment::Never);
    }
    let nanoseconds = (i128::from(ticks) - FILETIME_AT_UNIX_EPOCH) * 100;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
        .ok()
        .map(Moment::At)
}

fn day(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return None;
    }
    calendar(number(year)?, number(month)?, number(day)?)
}

fn calendar(year: u32, month: u32, day: u32) -> Option<Date> {
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()
}

/// Digits only: `parse` alone would take a sign.
fn number(digits: &str) -> Option<u32> {
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

/// `YYYYMMDDHH[MM[SS]][(.|,)fraction](Z|±HH[MM])`; without a zone it is refused.
fn generalized_time(text: &str) -> Option<OffsetDateTime> {
    let (local, zone) = split_zone(text)?;
    let (digits, fraction) = match local.split_once(['.', ',']) {
        Some((digits, fraction)) => (digits, Some(fraction)),
        None => (local, None),
    };
    let part = |from: usize, to: usize| digits.get(from..to).and_then(number);
    let date = calendar(part(0, 4)?, part(4, 6)?, part(6, 8)?)?;
    let (minute, second, fraction_of) = match digits.len() {
        10 => (0, 0, Duration::HOUR),
        12 => (part(10, 12)?, 0, Duration::MINUTE),
        14 => (part(10, 12)?, part(12, 14)?, Duration::SECOND),
        _ => return None,
    };
    let small = |n: u32| u8::try_from(n).ok();
    // A leap second is the last one of its minute: nothing here counts that finely.
    let time = Time::from_hms(small(part(8, 10)?)?, small(minute)?, small(second.min(59))?).ok()?;
    if second > 60 {
        return None;
    }
    let mut at = date.with_time(time).assume_offset(zone);
    if let Some(fraction) = fraction {
        if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let share: f64 = format!("0.{fraction}").parse().ok()?;
        at += fraction_of * share;
    }
    Some(at)
}

fn split_zone(text: &str) -> Option<(&str, UtcOffset)> {
    if let Some(local) = text.strip_suffix('Z') {
        return Some((local, UtcOffset::UTC));
    }
    let at = text.rfind(['+', '-'])?;
    let (local, zone) = text.split_at_checked(at)?;
    let negative = zone.starts_with('-');
    let digits = zone.get(1..)?;
    let (hours, minutes) = match digits.len() {
        2 => (number(digits)?, 0),
        4 => (number(digits.get(..2)?)?, number(digits.get(2..)?)?),
        _ => return None,
    };
    let sign = if negative { -1 } else { 1 };
    let signed = |n: u32| i8::try_from(n).ok().map(|n| n * sign);
    Some((
        local,
        UtcOffset::from_hms(signed(hours)?, signed(minutes)?, 0).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

    #[test]
    fn dates_are_read_as_sources_write_them() {
        for (text, moment) in [
            ("2027-01-31", Moment::Day(date!(2027 - 01 - 31))),
            (
                "2027-01-31T09:00:00+01:00",
                Moment::At(datetime!(2027-01-31 8:00 UTC)),
            ),
            ("2027013109Z", Moment::At(datetime!(2027-01-31 9:00 UTC))),
            ("202701310930Z", Moment::At(datetime!(2027-01-31 9:30 UTC))),
            (
                "20270131093015Z",
                Moment::At(datetime!(2027-01-31 9:30:15 UTC)),
            ),
            (
                "20270131093015.0Z",
                Moment::At(datetime!(2027-01-31 9:30:15 UTC)),
            ),
            ("2027013109,5Z", Moment::At(datetime!(2027-01-31 9:30 UTC))),
            (
                "20270131090000+0130",
                Moment::At(datetime!(2027-01-31 7:30 UTC)),
            ),
            (
                "20270131090000-05",
                Moment::At(datetime!(2027-01-31 14:00 UTC)),
            ),
            (
                "116444736000000000",
                Moment::At(datetime!(1970-01-01 0:00 UTC)),
            ),
            (
                "133800000000000000",
                Moment::At(datetime!(2024-12-30 2:40 UTC)),
            ),
            ("0", Moment::Never),
            ("9223372036854775807", Moment::Never),
        ] {
            assert_eq!(parse(text), Some(moment), "{text}");
        }
    }

    #[test]
    fn what_is_ambiguous_is_no_date() {
        for text in [
            "",
            "20270131090000",
            "2027-1-31",
            "2027-13-01",
            "31.01.2027",
            "+027-01-31",
            "20270131250000Z",
            "2027013109.Z",
            "2027-01-31T09:00:00",
            "soon",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
