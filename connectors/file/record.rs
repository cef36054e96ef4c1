//! What the three formats have in common: a stream of records.

use rollcall_directory::entry::{Attributes, Flaw, Locator};

use super::problem::Problem;

/// One record, before anybody asks which kind it is or what its key says.
#[derive(Debug)]
pub(super) struct Record {
    /// Where it begins, counted from 1.
    pub(super) line: u64,
    pub(super) locator: Locator,
    pub(super) attributes: Attributes,
    pub(super) flaws: Vec<Flaw>,
    /// Its shape is wrong (columns, syntax): its attributes cannot be trusted, its key
    /// neither. More than 1 % of these and the file is not what it should be.
    pub(super) malformed: Option<String>,
}

impl Record {
    /// A record of which nothing but its place can be trusted.
    pub(super) fn malformed(line: u64, locator: Locator, because: String) -> Self {
        Self {
            line,
            locator,
            attributes: Attributes::new(Vec::new(), false),
            flaws: vec![Flaw {
                attribute: String::new(),
                reason: because.clone(),
            }],
            malformed: Some(because),
        }
    }
}

/// The records of one pass over a file.
pub(super) trait Records {
    /// The next one; `None` at an end that is an end. A cut file is a [`Problem`].
    fn next(&mut self) -> Result<Option<Record>, Problem>;

    /// What to say about the pass once it has ended: a reason why the export itself says
    /// that it is not everything.
    fn shortfall(&self) -> Option<String> {
        None
    }
}
