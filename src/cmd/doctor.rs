//! `tuncat doctor`: a route in, a report out.

use crate::base::{Blame, Error, Host, Kind, Result, Scheme, Stage, Target};
use crate::carrier::Carrier;
use crate::cli::{Doctor, ProxyOptions};
use crate::cmd::signals::Signals;
use crate::cmd::{pac, route, runtime};
use crate::doctor::{self, Report, Settings};
use crate::plan::{Environment, Password, Route, RoutePlan};
use crate::ui::doctor::{Progress, json, text};
use crate::ui::log::{self, Quiet};
use crate::ui::report;
use std::io::Write;
use tokio::runtime::Builder;

pub fn run(args: &Doctor) -> i32 {
    log::init(Quiet::Silent, args.verbose);
    let done = execute(args).and_then(|report| {
        let written = match args.json {
            true => format!("{}\n", json(&report)),
            false => text(&report),
        };
        write(&written)?;
        Ok(report.exit_code)
    });
    done.unwrap_or_else(|error| {
        report::error(&error);
        error.kind().exit_code()
    })
}

fn execute(args: &Doctor) -> Result<Report> {
    let target = args.target.as_deref().map(Target::parse).transpose();
    let target = target.map_err(|why| Error::usage(format!("target: {why}")))?;
    let echo = args.oracle.as_deref().map(Target::parse).transpose();
    let echo = echo.map_err(|why| Error::usage(format!("--oracle: {why}")))?;
    // The environment decides by the target's name; without one, as for any that has no exception.
    let any = Target::Tcp {
        host: Host::Name("tuncat-doctor.invalid".into()),
        port: 443,
    };
    let for_route = target.as_ref().unwrap_or(&any);
    let script = pac::Script::load(&args.proxy)?;
    let given = script.map(|script| script.ask(for_route)).transpose()?;
    let environment = Environment::of_process().with_given(given.flatten());
    let mut plan = RoutePlan::new(&args.proxy, &environment, for_route)?;
    if plan.route == Route::Direct {
        return Err(
            Error::usage(format!("no proxy to examine ({})", plan.why)).hint("name it with -x URL")
        );
    }
    if let Route::Proxies(proxies) = &plan.route
        && let Some(socks) = proxies.last().filter(|p| p.scheme.is_socks())
    {
        let cause = format!("doctor examines HTTP proxies, and {socks} is none");
        return Err(Error::usage(cause).hint("'tuncat connect -z' tells whether a tunnel opens"));
    }
    if let Route::Proxies(proxies) = &plan.route
        && let Some(first) = proxies.first().filter(|p| p.scheme == Scheme::H3)
    {
        let cause = format!("doctor begins with TCP, and {first} is QUIC alone");
        let hint = "name it https://, on the same port: HTTP/3 is one of the ways that are tried";
        return Err(Error::usage(cause).hint(hint));
    }
    let words = words(&args.proxy, &plan);
    if plan.route == Route::Embedded {
        // It has whatever is tried.
        plan.via = vec![Carrier::LADDER.to_vec()];
    }
    route::prepare(&mut plan)?;
    plan.warnings.iter().for_each(|w| report::warning(w));
    let runtime = runtime(Builder::new_current_thread())?;
    let report = runtime.block_on(async {
        let mut signals = Signals::new().map_err(|e| Error::internal(e.to_string()))?;
        let examining = async {
            let (dialer, way) = route::dialer(&plan).await?;
            let settings = Settings {
                hops: dialer.hops,
                network: dialer.network,
                patience: plan.connect_timeout,
                only: args
                    .proxy
                    .via
                    .iter()
                    .flat_map(|via| via.0.clone())
                    .collect(),
                target,
                tls: args.tls,
                ends: args.eof,
                idle: args.idle.filter(|t| !t.is_zero()),
                direct: args.direct,
                echo,
                words,
            };
            let progress = Progress::new();
            let report = doctor::run(settings, &|step| progress.step(step)).await;
            drop(way);
            Ok(report)
        };
        tokio::select! {
            report = examining => report,
            number = signals.next() => Err(ended_by(number)),
        }
    });
    // A lookup may still be waiting in a thread; nobody waits for it.
    runtime.shutdown_background();
    report
}

/// The options that lead to the same proxy. Secrets are left out.
fn words(options: &ProxyOptions, plan: &RoutePlan) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
    match &plan.route {
        Route::Direct => {}
        Route::Embedded => add("-x", "embedded:".into()),
        Route::Proxies(proxies) => proxies.iter().for_each(|p| add("-x", p.to_string())),
    }
    let user = plan.passwords.first().and_then(|password| match password {
        Password::None => None,
        Password::Known(known) => Some(&known.user),
        Password::File { user, .. } | Password::Prompt { user } => Some(user),
        Password::Elsewhere { user, .. } => user.as_ref(),
    });
    if let Some(user) = user {
        add("-U", user.clone());
    }
    if let Some(file) = &options.proxy_pass_file {
        add("--proxy-pass-file", file.display().to_string());
    }
    for field in &options.header {
        let name = field.split(':').next().unwrap_or(field);
        let secret = ["authorization", "cookie", "token", "key"];
        let lower = name.to_ascii_lowercase();
        match secret.iter().any(|word| lower.contains(word)) {
            true => add("-H", format!("{name}: ...")),
            false => add("-H", field.clone()),
        }
    }
    options
        .tls
        .cacert
        .iter()
        .for_each(|file| add("--cacert", file.display().to_string()));
    options
        .tls
        .pin
        .iter()
        .for_each(|pin| add("--pin", pin.to_string()));
    for (option, file) in [("-E", &options.tls.cert), ("--key", &options.tls.key)] {
        if let Some(file) = file {
            add(option, file.display().to_string());
        }
    }
    if let Some(name) = &options.tls.sni {
        add("--sni", name.to_string());
    }
    if !options.proxy_auth.is_empty() {
        let names = options
            .proxy_auth
            .iter()
            .map(|s| s.name().to_ascii_lowercase());
        add("--proxy-auth", names.collect::<Vec<_>>().join(","));
    }
    if options.path.is_some() {
        add("--path", plan.path.to_string());
    }
    for pinned in &options.resolve {
        let addresses: Vec<String> = pinned.addresses.iter().map(ToString::to_string).collect();
        let addresses = addresses.join(",");
        add(
            "--resolve",
            format!("{}:{}:{addresses}", pinned.host, pinned.port),
        );
    }
    for (given, option) in [
        (options.tls.insecure, "-k"),
        (options.ipv4, "-4"),
        (options.ipv6, "-6"),
    ] {
        if given {
            words.push(option.into());
        }
    }
    words
}

fn write(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    written.map_err(|error| {
        let told = Error::new(
            Kind::LocalWrite,
            Stage::Stdout,
            Blame::Local,
            error.to_string(),
        );
        match error.kind() {
            // Whoever read the report has seen enough.
            std::io::ErrorKind::BrokenPipe => told.quiet(),
            _ => told,
        }
    })
}

fn ended_by(number: i32) -> Error {
    let cause = format!("ended by signal {number}");
    Error::new(Kind::Signal(number), Stage::Arguments, Blame::User, cause).quiet()
}
