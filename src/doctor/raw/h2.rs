//! On HTTP/2.

use crate::http::TunnelRequest;
use crate::http::request::Method;
use crate::wire::BoxWire;
use bytes::Bytes;
use h2::client::{ResponseFuture, handshake};
use h2::{RecvStream, SendStream};
use http::{Request, Uri};
use tokio::task::JoinHandle;

pub struct Post {
    answer: ResponseFuture,
    send: SendStream<Bytes>,
    content: Option<RecvStream>,
    connection: JoinHandle<()>,
}

impl Post {
    pub async fn begin(wire: BoxWire, request: &TunnelRequest) -> Result<Self, String> {
        let message = message(request)?;
        let (requests, connection) = handshake(wire).await.map_err(text)?;
        let connection = tokio::spawn(async move {
            let _ = connection.await;
        });
        let mut requests = requests.ready().await.map_err(text)?;
        let (answer, send) = requests.send_request(message, false).map_err(text)?;
        Ok(Post {
            answer,
            send,
            content: None,
            connection,
        })
    }

    /// What flow control does not let out yet waits in memory: there is little of it.
    pub fn send(&mut self, octets: &[u8]) -> Result<(), String> {
        let octets = Bytes::copy_from_slice(octets);
        self.send.send_data(octets, false).map_err(text)
    }

    pub fn end(&mut self) -> Result<(), String> {
        self.send.send_data(Bytes::new(), true).map_err(text)
    }

    /// Giving up waiting loses nothing.
    pub async fn answer(&mut self) -> Result<u16, String> {
        let (head, content) = (&mut self.answer).await.map_err(text)?.into_parts();
        self.content = Some(content);
        Ok(head.status.as_u16())
    }

    pub async fn content(&mut self) -> Result<usize, String> {
        let content = self.content.as_mut().ok_or("there is no answer yet")?;
        let Some(data) = content.data().await else {
            return Ok(0);
        };
        let data = data.map_err(text)?;
        let released = content.flow_control().release_capacity(data.len());
        released.map_err(text)?;
        Ok(data.len())
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

fn message(request: &TunnelRequest) -> Result<Request<()>, String> {
    let unusable = |e: http::Error| e.to_string();
    let Method::Post { path, scheme, .. } = &request.method else {
        return Err("no POST".into());
    };
    let uri = Uri::builder()
        .scheme(*scheme)
        .authority(request.authority())
        .path_and_query(path.as_str());
    let mut message = Request::builder()
        .method("POST")
        .uri(uri.build().map_err(unusable)?);
    for (name, value) in request.fields_to_send() {
        message = message.header(name.to_ascii_lowercase(), value);
    }
    message.body(()).map_err(unusable)
}

fn text(error: h2::Error) -> String {
    error.to_string()
}
