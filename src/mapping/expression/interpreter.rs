//! The rest of the language, through the `cel` crate, with only the attributes that an
//! expression uses and bounded in what goes in and what comes out.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use cel::ExecutionError;
use cel::common::ast::{CallExpr, Expr};
use cel::extractors::Arguments;
use cel::objects::Key;
use cel::parser::Expression as Tree;
use time::{OffsetDateTime, UtcOffset};

use super::resolve::{Resolved, variable};
use super::{Input, Inputs, Library};
use crate::datum::Datum;
use crate::functions::{Function, Surroundings};

/// How many values of attributes one evaluation is given, and how many it may give.
const VALUES_MAX: usize = 10_000;
/// The same where a macro goes through a list for each item of a list.
const NESTED_VALUES_MAX: usize = 1_000;
/// How many bytes of values one evaluation is given, and how many it may give.
const VALUES_BYTES_MAX: usize = 1024 * 1024;
/// How deep lists and objects that come out may nest.
const RESULT_DEPTH_MAX: usize = 16;

/// Stand for the time in calls of functions that need it.
const NOW: &str = "@now";
const ZONE: &str = "@zone";

/// What a function of ours is called within a resolved expression. No function of CEL has
/// such a name, so ours can never hide one or be hidden.
pub(super) fn name_of(function: Function) -> String {
    format!("@{}", function.name())
}

/// The function behind such a name.
pub(super) fn function_of(name: &str) -> Option<Function> {
    Function::named(name.strip_prefix('@')?)
}

/// `cel`'s interpreter with our functions.
pub(crate) struct Interpreter {
    root: cel::Context<'static, 'static>,
}

impl fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interpreter")
    }
}

impl Interpreter {
    /// With the functions over the tables and patterns of a file.
    pub(crate) fn new(library: &Arc<Library>) -> Self {
        let mut root = cel::Context::default();
        for function in Function::all() {
            let library = Arc::clone(library);
            let call = move |Arguments(args): Arguments| call(function, &args, &library);
            // The only error is a name that is taken, and `@` begins none.
            let _ = root.add_function(&name_of(function), call);
        }
        Self { root }
    }
}

/// A call of our function by the interpreter.
fn call(
    function: Function,
    args: &[cel::Value],
    library: &Library,
) -> Result<cel::Value, ExecutionError> {
    let failed = |message: String| ExecutionError::function_error(function.name(), message);
    let (args, now, zone) = match args {
        [args @ .., cel::Value::Int(now), cel::Value::Int(zone)] if function.needs_time() => {
            (args, *now, *zone)
        }
        args => (args, 0, 0),
    };
    let around = Surroundings {
        now: OffsetDateTime::from_unix_timestamp_nanos(i128::from(now))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH),
        zone: i32::try_from(zone)
            .ok()
            .and_then(|seconds| UtcOffset::from_whole_seconds(seconds).ok())
            .unwrap_or(UtcOffset::UTC),
        tables: &library.tables,
        patterns: &library.patterns,
    };
    let args = args
        .iter()
        .map(|arg| datum(arg, &mut Budget::default(), 0))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    function
        .call(args, &around)
        .map(cel_value)
        .map_err(|message| {
            let own = format!("{}: ", function.name());
            failed(message.strip_prefix(&own).unwrap_or(&message).to_owned())
        })
}

/// An expression for the interpreter.
#[derive(Debug)]
pub(super) struct Program {
    tree: Tree,
    values_max: usize,
}

impl Program {
    pub(super) fn new(resolved: &Resolved) -> Self {
        let mut tree = resolved.tree.clone();
        give_time(&mut tree);
        Self {
            tree,
            values_max: if resolved.is_nested {
                NESTED_VALUES_MAX
            } else {
                VALUES_MAX
            },
        }
    }

    /// Evaluates it. The error holds no value of the entry.
    pub(super) fn evaluate<'e>(
        &self,
        used: &[Input],
        inputs: &Inputs<'_, '_>,
        around: &Surroundings<'_>,
        interpreter: &Interpreter,
    ) -> Result<Datum<'e>, String> {
        let mut context = interpreter.root.new_inner_scope();
        let mut budget = Budget {
            values: self.values_max,
            bytes: VALUES_BYTES_MAX,
        };
        for (number, input) in used.iter().enumerate() {
            let values = inputs.values(input.slot);
            let handed = if input.list { values.len() } else { 1 };
            let bytes = values.iter().take(handed).map(|v| v.as_bytes().len()).sum();
            budget.spend(handed, bytes)?;
            let value = if input.list {
                inputs.list(input.slot)
            } else {
                inputs.scalar(input.slot)
            };
            context.add_variable_from_value(variable(number), cel_value(value));
        }
        let now = i64::try_from(around.now.unix_timestamp_nanos()).unwrap_or(i64::MAX);
        context.add_variable_from_value(NOW, cel::Value::Int(now));
        let zone = i64::from(around.zone.whole_seconds());
        context.add_variable_from_value(ZONE, cel::Value::Int(zone));
        let result = context.resolve(&self.tree).map_err(|error| words(&error))?;
        datum(&result, &mut Budget::default(), 0)
    }
}

/// Adds the time to calls that need it. Depth is bounded by `limits`.
fn give_time(tree: &mut Tree) {
    use cel::common::ast::EntryExpr;
    match &mut tree.expr {
        Expr::Call(CallExpr {
            func_name,
            target,
            args,
        }) => {
            if let Some(target) = target {
                give_time(target);
            }
            args.iter_mut().for_each(give_time);
            if function_of(func_name).is_some_and(Function::needs_time) {
                args.extend([NOW, ZONE].map(|name| Tree {
                    id: tree.id,
                    expr: Expr::Ident(name.to_owned()),
                }));
            }
        }
        Expr::Comprehension(c) => {
            for part in [
                &mut c.iter_range,
                &mut c.accu_init,
                &mut c.loop_cond,
                &mut c.loop_step,
                &mut c.result,
            ] {
                give_time(part);
            }
        }
        Expr::List(list) => list.elements.iter_mut().for_each(give_time),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(pair) = &mut entry.expr {
                    give_time(&mut pair.key);
                    give_time(&mut pair.value);
                }
            }
        }
        Expr::Select(select) => give_time(&mut select.operand),
        Expr::Struct(_) | Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
    }
}

/// What may still be taken.
struct Budget {
    values: usize,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            values: VALUES_MAX,
            bytes: VALUES_BYTES_MAX,
        }
    }
}

impl Budget {
    fn spend(&mut self, values: usize, bytes: usize) -> Result<(), String> {
        let left = |have: usize, spent: usize| have.checked_sub(spent);
        self.values = left(self.values, values).ok_or("too many values for one expression")?;
        self.bytes =
            left(self.bytes, bytes).ok_or("more than 1 MiB of values for one expression")?;
        Ok(())
    }
}

/// A value for the interpreter.
fn cel_value(datum: Datum<'_>) -> cel::Value {
    match datum {
        Datum::Null => cel::Value::Null,
        Datum::Bool(flag) => cel::Value::Bool(flag),
        Datum::Int(number) => cel::Value::Int(number),
        Datum::Double(number) => cel::Value::Float(number),
        Datum::Text(text) => cel::Value::String(Arc::new(text.into_owned())),
        Datum::Bytes(bytes) => cel::Value::Bytes(Arc::new(bytes.into_owned())),
        Datum::List(items) => {
            cel::Value::List(Arc::new(items.into_iter().map(cel_value).collect()))
        }
        Datum::Object(object) => {
            let map: HashMap<Key, cel::Value> = (*object)
                .into_iter()
                .map(|(key, value)| (Key::from(key), cel_value(Datum::of_json(value))))
                .collect();
            cel::Value::Map(map.into())
        }
    }
}

/// A value from the interpreter, within bounds.
fn datum<'a>(value: &cel::Value, budget: &mut Budget, depth: usize) -> Result<Datum<'a>, String> {
    if depth > RESULT_DEPTH_MAX {
        return Err(format!(
            "lists and objects nest deeper than {RESULT_DEPTH_MAX}"
        ));
    }
    Ok(match value {
        cel::Value::Null => Datum::Null,
        cel::Value::Bool(flag) => Datum::Bool(*flag),
        cel::Value::Int(number) => Datum::Int(*number),
        cel::Value::UInt(number) => {
            Datum::Int(i64::try_from(*number).map_err(|_| "a number is too large")?)
        }
        cel::Value::Float(number) => Datum::Double(*number),
        cel::Value::String(text) => {
            budget.spend(0, text.len())?;
            Datum::text(text.as_str())
        }
        cel::Value::Bytes(bytes) => {
            budget.spend(0, bytes.len())?;
            Datum::Bytes(bytes.to_vec().into())
        }
        cel::Value::List(items) => {
            budget.spend(items.len(), 0)?;
            Datum::List(
                items
                    .iter()
                    .map(|item| datum(item, budget, depth + 1))
                    .collect::<Result<_, _>>()?,
            )
        }
        cel::Value::Map(map) => {
            budget.spend(map.map.len(), 0)?;
            let mut object = serde_json::Map::new();
            for (key, value) in map.map.iter() {
                object.insert(
                    key.to_string(),
                    datum(value, budget, depth + 1)?.into_json(),
                );
            }
            // A hash map has no order of its own, and results must have one.
            object.sort_keys();
            Datum::Object(Box::new(object))
        }
        _ => return Err("the result is neither text, number, boolean, list nor object".to_owned()),
    })
}

/// The interpreter's errors may quote values; ours must not, so kinds are named instead.
fn words(error: &ExecutionError) -> String {
    match error {
        ExecutionError::FunctionError { function, message } => {
            format!("{}: {message}", function.trim_start_matches('@'))
        }
        ExecutionError::NoSuchOverload(overload) => format!(
            "{} cannot be applied to ({})",
            overload.function().trim_matches('_'),
            overload.argument_types().join(", ")
        ),
        ExecutionError::NoSuchKey(_) => "the object has no such member".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "the list is shorter than that".to_owned(),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "division by zero".to_owned()
        }
        ExecutionError::Overflow(..) => "a number becomes too large".to_owned(),
        _ => "the operation does not fit these values".to_owned(),
    }
}
