//! A POST that is sent by hand: content goes out before any answer, so that it shows how much of it
//! something on the way waits for. `carrier` would never do that.

mod h1;
mod h2;

use crate::auth::Asked;
use crate::base::{Scheme, Target};
use crate::carrier::{Carrier, Version};
use crate::dial::Hop;
use crate::doctor::probe::{Probe, said};
use crate::http::post::GREETING_FIELD;
use crate::http::{Field, TunnelRequest, request};
use std::time::Duration;
use tokio::time::timeout;

/// A POST under way.
pub enum Post {
    Http1(h1::Post),
    Http2(h2::Post),
}

/// Begins one over a connection of its own: the head is sent, and no greeting asked for.
pub async fn begin(probe: &Probe, carrier: Carrier, target: &Target) -> Result<Post, String> {
    if let Some(why) = probe.forbidden(carrier) {
        return Err(why);
    }
    let hop = probe.hop().ok_or("no proxy")?;
    let reached = probe.dialer(carrier).reach(&[carrier]).await;
    let wire = reached.map_err(|e| said(&e))?.wire;
    let request = request(hop, target);
    let patience = probe.settings.patience();
    let begun = async {
        match carrier.version() {
            Version::Http1 => h1::Post::begin(wire, &request).await.map(Post::Http1),
            Version::Http2 => h2::Post::begin(wire, &request).await.map(Post::Http2),
            Version::Http3 | Version::Socks => Err("that is not looked at here".into()),
        }
    };
    let begun = timeout(patience, begun).await;
    begun.map_err(|_| "the proxy takes no request")?
}

fn request(hop: &Hop, target: &Target) -> TunnelRequest {
    let method = request::Method::Post {
        authority: match hop.path.names_the_target() {
            true => hop.proxy.authority(),
            false => target.authority(),
        },
        path: hop.path.expand(target),
        scheme: match hop.proxy.scheme {
            Scheme::Https => "https",
            _ => "http",
        },
    };
    let asked = Asked {
        method: "POST".into(),
        uri: hop.path.expand(target),
    };
    // What it was found to take; another answer than that is the measurement's end.
    let authorization = hop.login.begin(asked, true).first().ok().flatten();
    let mut fields = hop.fields.clone();
    // An empty one removes what is sent by default.
    fields.push(Field {
        name: GREETING_FIELD.into(),
        value: Vec::new(),
    });
    TunnelRequest {
        target: target.authority(),
        method,
        authorization,
        for_proxy: false,
        fields,
    }
}

impl Post {
    /// Sends more of the content.
    pub async fn send(&mut self, octets: &[u8], patience: Duration) -> Result<(), String> {
        let sent = async {
            match self {
                Post::Http1(post) => post.send(octets).await,
                Post::Http2(post) => post.send(octets),
            }
        };
        let sent = timeout(patience, sent).await;
        sent.map_err(|_| "the request's content is not taken")?
    }

    /// Ends the content.
    pub async fn end(&mut self, patience: Duration) -> Result<(), String> {
        let ended = async {
            match self {
                Post::Http1(post) => post.end().await,
                Post::Http2(post) => post.end(),
            }
        };
        let ended = timeout(patience, ended).await;
        ended.map_err(|_| "the request's end is not taken")?
    }

    /// The status of the final answer, if it comes in time.
    pub async fn answer(&mut self, patience: Duration) -> Result<Option<u16>, String> {
        let answer = async {
            match self {
                Post::Http1(post) => post.answer().await,
                Post::Http2(post) => post.answer().await,
            }
        };
        timeout(patience, answer).await.ok().transpose()
    }

    /// How many octets of the answer's content come next, none at its end; nothing if they do not come in
    /// time.
    pub async fn content(&mut self, patience: Duration) -> Result<Option<usize>, String> {
        let content = async {
            match self {
                Post::Http1(post) => post.content().await,
                Post::Http2(post) => post.content().await,
            }
        };
        timeout(patience, content).await.ok().transpose()
    }
}
