//! One run of a script.

use crate::base::escape::escape;
use rquickjs::context::EvalOptions;
use rquickjs::prelude::Func;
use rquickjs::{CatchResultExt, CaughtError, Context, Ctx, Function, Object, Runtime, Value};
use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Wall time, lookups included.
const TIME: Duration = Duration::from_secs(5);
const MEMORY: usize = 64 * 1024 * 1024;
const STACK: usize = 512 * 1024;
/// Names that are looked up in one run.
const LOOKUPS: usize = 64;

/// The functions of the format that need no system.
const PRELUDE: &str = include_str!("prelude.js");

/// Resolves names for a script.
pub trait Lookup {
    /// None where the name has no address.
    fn addresses(&self, name: &str) -> Vec<IpAddr>;
    /// Of this machine, as others see it.
    fn own(&self) -> Vec<IpAddr>;
}

/// What `FindProxyForURL` returns.
pub fn run(
    script: &str,
    url: &str,
    host: &str,
    lookup: impl Lookup + 'static,
) -> Result<String, String> {
    let internal = |e: rquickjs::Error| format!("the engine for scripts: {e}");
    let runtime = Runtime::new().map_err(internal)?;
    runtime.set_memory_limit(MEMORY);
    runtime.set_max_stack_size(STACK);
    let deadline = Instant::now() + TIME;
    let too_long = Rc::new(Cell::new(false));
    let interrupted = too_long.clone();
    runtime.set_interrupt_handler(Some(Box::new(move || {
        let over = Instant::now() >= deadline;
        interrupted.set(over);
        over
    })));
    let context = Context::full(&runtime).map_err(internal)?;
    context.with(|ctx| {
        functions(&ctx, lookup, deadline).map_err(internal)?;
        ctx.eval::<(), _>(PRELUDE).map_err(internal)?;
        let told = |error: CaughtError<'_>| match too_long.get() {
            true => format!("it was ended after {} s", TIME.as_secs()),
            false => told(&error),
        };
        let mut sloppy = EvalOptions::default();
        sloppy.strict = false;
        let ran = ctx.eval_with_options::<(), _>(script, sloppy);
        ran.catch(&ctx).map_err(told)?;
        let globals = ctx.globals();
        let find = |name: &str| globals.get::<_, Function>(name).ok();
        let find = find("FindProxyForURL").or_else(|| find("FindProxyForURLEx"));
        let find = find.ok_or("it has no function FindProxyForURL")?;
        let answer: Value = find.call((url, host)).catch(&ctx).map_err(told)?;
        if answer.is_null() || answer.is_undefined() {
            return Ok(String::new());
        }
        let text = answer.as_string().map(|text| text.to_string());
        match text {
            Some(Ok(text)) => Ok(text),
            _ => Err(format!("it returns no text but {}", answer.type_name())),
        }
    })
}

/// What the script may ask of the system.
fn functions(
    ctx: &Ctx<'_>,
    lookup: impl Lookup + 'static,
    deadline: Instant,
) -> rquickjs::Result<()> {
    let globals: Object = ctx.globals();
    let lookup = Rc::new(lookup);
    let left = Rc::new(Cell::new(LOOKUPS));
    let own = lookup.clone();
    let addresses = move |name: String| -> Vec<String> {
        if left.get() == 0 || Instant::now() >= deadline {
            return Vec::new();
        }
        left.set(left.get() - 1);
        text(lookup.addresses(&name))
    };
    globals.set(
        "__addresses",
        Func::from(rquickjs::prelude::MutFn::new(addresses)),
    )?;
    let own = move || text(own.own());
    globals.set("__own", Func::from(rquickjs::prelude::MutFn::new(own)))?;
    let say = |message: String| {
        tracing::info!("the script says: {}", escape(message.as_bytes(), 200));
    };
    globals.set("alert", Func::from(say))
}

fn text(addresses: Vec<IpAddr>) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

/// The script's own words for what went wrong, and where.
fn told(error: &CaughtError<'_>) -> String {
    let text = match error {
        CaughtError::Exception(exception) => {
            let message = exception.message().unwrap_or_default();
            // "    at FindProxyForURL (eval_script:3:5)": the first place is where it was.
            let stack = exception.stack().unwrap_or_default();
            let line = stack.split("eval_script:").nth(1);
            let line = line.and_then(|at| at.split(|c: char| !c.is_ascii_digit()).next());
            match line.filter(|line| !line.is_empty()) {
                Some(line) => format!("line {line}: {message}"),
                None => message,
            }
        }
        CaughtError::Value(value) => match value.as_string().map(|s| s.to_string()) {
            Some(Ok(thrown)) => format!("it threw {thrown}"),
            _ => "it threw something".into(),
        },
        CaughtError::Error(error) => error.to_string(),
    };
    escape(text.as_bytes(), 200)
}
