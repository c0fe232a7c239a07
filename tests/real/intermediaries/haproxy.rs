//! Through HAProxy 2.6, set up as the README says.

use super::ends::*;
use super::scenes::*;
use super::{Intermediary, Spoken, Way};
use crate::docs;
use crate::support::peers::{Front, Haproxy};

/// Each row is a module with all of the tests: what HAProxy speaks with clients, and what is added to the line of its
/// server.
macro_rules! rows {
    ($($row:ident: $spoken:expr, $server:expr, [$($ends:ident)*];)*) => {
        $(
            mod $row {
                use crate::real::intermediaries::Spoken;
                each!(&super::as_the_readme_says($spoken, $server);
                    dialogue whole_both_ways_at_once a_slow_target_gets_all many_tunnels
                    a_target_that_refuses_is_103 client_ends_first
                    a_reset_by_the_target_is_no_end $($ends)*);
            }
        )*
    };
}

rows! {
    h1: Spoken::H1, "", [after_the_target_s_end_the_last_bytes_may_be_lost a_killed_client_is_no_end];
    h1_tls: Spoken::H1Tls, "", [after_the_target_s_end_the_last_bytes_may_be_lost a_killed_client_is_no_end];
    h2c: Spoken::H2c, "", [after_the_target_s_end_the_last_bytes_may_be_lost a_killed_client_is_no_end];
    h2_tls: Spoken::H2Tls, "", [after_the_target_s_end_the_last_bytes_may_be_lost a_killed_client_is_no_end];
    // With HTTP/2 on both sides HAProxy 2.6 ends the request of a client that has gone, as if it were whole; the
    // README does not say `proto h2`.
    h1_to_h2: Spoken::H1, " proto h2", [a_killed_client_is_no_end];
    h2_tls_to_h2: Spoken::H2Tls, " proto h2", [];
}

/// With the README's own text, but for addresses, the certificate, and `server` behind the line of its server.
pub fn as_the_readme_says(spoken: Spoken, server: &str) -> Way {
    const BIND: &str = "bind :443 ssl crt /etc/haproxy/site.pem alpn h2,http/1.1";
    const SERVER: &str = "server serve 127.0.0.1:8080";
    let text = docs::snippet(SERVER);
    assert!(text.contains(BIND), "{text}");
    with(spoken, |serve, bind| {
        text.replace(BIND, bind)
            .replace(SERVER, &format!("server serve 127.0.0.1:{serve}{server}"))
    })
}

/// With other sections, made from the port of `serve` and the `bind` line.
pub fn with(spoken: Spoken, sections: impl Fn(u16, &str) -> String) -> Way {
    Way::new(spoken, |front, serve| {
        let haproxy = Haproxy::start(front, |port, pem| {
            let tls = match front {
                Front::Tls(_) => format!(" ssl crt {pem} alpn h2,http/1.1"),
                Front::Clear | Front::H2c => String::new(),
            };
            sections(serve, &format!("bind 127.0.0.1:{port}{tls}"))
        });
        let port = haproxy.port;
        (Intermediary::Haproxy(haproxy), port)
    })
}

/// With more lines in the README's `defaults`; those named again replace the README's.
pub fn defaults(spoken: Spoken, lines: &str) -> Way {
    with(spoken, |serve, bind| {
        format!(
            "defaults\n\
             mode http\n\
             timeout connect 10s\n\
             timeout client 1d\n\
             timeout server 1d\n\
             {lines}\n\
             frontend site\n\
             {bind}\n\
             default_backend tunnels\n\
             backend tunnels\n\
             server serve 127.0.0.1:{serve}\n"
        )
    })
}
