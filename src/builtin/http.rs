//! `http:`, an HTTP server (1.1, and 2 with prior knowledge) that answers with what it received.

use crate::wire::{Abort, Wire};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use ring::digest::{Context as Hash, SHA256};
use serde_json::{Value, json};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

/// Octets on their way to the server, and from it, at most.
const BUFFER: usize = 16 * 1024;
/// A content of up to so many octets comes back in the answer, if it is text.
const SHOWN: usize = 4096;

/// The client's end of a connection to the server, which runs in a task of its own.
pub struct Http(DuplexStream);

impl Http {
    pub fn start() -> Self {
        let (near, far) = duplex(BUFFER);
        tokio::spawn(async move {
            let server = Builder::new(TokioExecutor::new());
            // A client that breaks off is no news.
            let _ = server
                .serve_connection(TokioIo::new(far), service_fn(answer))
                .await;
        });
        Http(near)
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, mut content) = request.into_parts();
    let (mut octets, mut hash) = (0_u64, Hash::new(&SHA256));
    let mut shown = Some(Vec::new());
    while let Some(frame) = content.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        octets += data.len() as u64;
        hash.update(&data);
        match &mut shown {
            Some(text) if text.len() + data.len() <= SHOWN => text.extend_from_slice(&data),
            _ => shown = None,
        }
    }
    let fields = head.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        json!([name.as_str(), value])
    });
    let hash: String = hash
        .finish()
        .as_ref()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let all = json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "version": format!("{:?}", head.version),
        "fields": fields.collect::<Vec<Value>>(),
        "content_bytes": octets,
        "content_sha256": hash,
        "content": shown.and_then(|text| String::from_utf8(text).ok()),
    });
    let mut response = Response::new(Full::new(Bytes::from(format!("{all}\n"))));
    let json = HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    Ok(response)
}

impl Wire for Http {
    fn abort(&mut self, _reason: Abort) {}
}

impl AsyncRead for Http {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Http {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
