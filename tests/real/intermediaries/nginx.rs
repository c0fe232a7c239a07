//! Through nginx 1.22, set up as the README says.

use super::ends::*;
use super::scenes::*;
use super::{Intermediary, Spoken, Way, both};
use crate::docs;
use crate::real::{MIB, remote};
use crate::support::Feed;
use crate::support::peers::{Nginx, Sshd};

/// Each row is a module with all of the tests.
macro_rules! rows {
    ($($row:ident: $spoken:expr;)*) => {
        $(
            mod $row {
                use crate::real::intermediaries::Spoken;
                each!(&super::as_the_readme_says($spoken);
                    dialogue whole_both_ways_at_once a_slow_target_gets_all many_tunnels
                    a_target_that_refuses_is_103 client_ends_first
                    after_the_target_s_end_all_is_lost connect_is_told_of_a_loss
                    a_reset_by_the_target_is_no_end a_killed_client_is_no_end);
            }
        )*
    };
}

rows! {
    h1: Spoken::H1;
    h1_tls: Spoken::H1Tls;
    h2c: Spoken::H2c;
    h2_tls: Spoken::H2Tls;
}

/// What makes `proxy_pass` hold nothing back.
const STREAMS: &str = "proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off; \
                       client_max_body_size 0;";

#[test]
fn proxy_pass_carries_lines() {
    both(|spoken| dialogue(&proxy_pass(spoken, STREAMS)));
}

/// Once the answer has begun, nginx 1.22 with `proxy_pass` does not come back to a request that it could not send on
/// at once (`preserve_output`, which only `grpc_pass` has).
#[test]
fn proxy_pass_stops_at_a_slow_target() {
    both(|spoken| {
        let way = proxy_pass(spoken, STREAMS);
        let target = slow_target();
        let run = way.connect().args(["-i", "3"]).arg(target.addr());
        let line = run.feed(Feed::Pattern(3, SLOW)).run().expect_failure(28);
        let text = (
            "nothing came or went for the idle time,",
            "-i sets the idle time",
        );
        way.counts(&target.addr(), &line, text);
    });
}

#[test]
fn ssh_runs_a_command_and_pipes() {
    let (sshd, way) = (Sshd::start(), as_the_readme_says(Spoken::H2Tls));
    remote::runs_a_command(&sshd, &way.words());
    remote::pipes(&sshd, &way.words(), 16 * MIB).expect_clean();
}

/// With the README's own text.
pub fn as_the_readme_says(spoken: Spoken) -> Way {
    but(spoken, "", "")
}

/// With the README's text, in which `new` stands in the place of `old`.
pub fn but(spoken: Spoken, old: &str, new: &str) -> Way {
    with(spoken, |serve| {
        let there = "grpc_pass grpc://127.0.0.1:8080;";
        let text = docs::snippet(there);
        assert!(text.contains(old), "no {old} in {text}");
        let text = text.replacen(old, new, 1);
        text.replace(there, &format!("grpc_pass grpc://127.0.0.1:{serve};"))
    })
}

/// With `proxy_pass` and `directives`.
pub fn proxy_pass(spoken: Spoken, directives: &str) -> Way {
    with(spoken, |serve| {
        format!("location / {{ proxy_pass http://127.0.0.1:{serve}; {directives} }}")
    })
}

/// With other directives, made from the port of `serve`.
pub fn with(spoken: Spoken, server: impl FnOnce(u16) -> String) -> Way {
    Way::new(spoken, |front, serve| {
        let nginx = Nginx::start(front, &server(serve));
        let port = nginx.port;
        (Intermediary::Nginx(nginx), port)
    })
}
