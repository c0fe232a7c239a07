//! On HTTP/1.1.

use crate::http::chunked::{Decoder, LAST_CHUNK, chunk_head};
use crate::http::head::{HeadBuffer, Role};
use crate::http::{HeadError, TunnelRequest};
use crate::wire::BoxWire;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub struct Post {
    wire: BoxWire,
    head: HeadBuffer,
    /// Of the answer's content, not decoded yet.
    rest: Vec<u8>,
    /// Where the answer is chunked.
    decoder: Option<Decoder>,
}

impl Post {
    pub async fn begin(mut wire: BoxWire, request: &TunnelRequest) -> Result<Self, String> {
        wire.write_all(&request.to_http1()).await.map_err(broke)?;
        wire.flush().await.map_err(broke)?;
        Ok(Post {
            wire,
            head: HeadBuffer::new(Role::Client),
            rest: Vec::new(),
            decoder: None,
        })
    }

    pub async fn send(&mut self, octets: &[u8]) -> Result<(), String> {
        let mut chunk = chunk_head(octets.len()).into_bytes();
        chunk.extend_from_slice(octets);
        chunk.extend_from_slice(b"\r\n");
        self.write(&chunk).await
    }

    pub async fn end(&mut self) -> Result<(), String> {
        self.write(LAST_CHUNK).await
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), String> {
        self.wire.write_all(octets).await.map_err(broke)?;
        self.wire.flush().await.map_err(broke)
    }

    /// Giving up waiting loses nothing.
    pub async fn answer(&mut self) -> Result<u16, String> {
        loop {
            let read = self.read().await?;
            if !self.head.push(&read).map_err(unreadable)? {
                continue;
            }
            let head = std::mem::replace(&mut self.head, HeadBuffer::new(Role::Client));
            let (head, rest) = head.into_response().map_err(unreadable)?;
            self.rest = rest;
            if head.status >= 200 {
                let coding = head.fields.text("transfer-encoding");
                let chunked = coding.is_some_and(|c| c.eq_ignore_ascii_case("chunked"));
                self.decoder = chunked.then(Decoder::default);
                return Ok(head.status);
            }
        }
    }

    pub async fn content(&mut self) -> Result<usize, String> {
        loop {
            let mut read = match self.rest.is_empty() {
                true => match self.read().await {
                    Ok(read) => read,
                    Err(_) if self.decoder.is_none() => return Ok(0),
                    Err(why) => return Err(why),
                },
                false => std::mem::take(&mut self.rest),
            };
            let Some(decoder) = &mut self.decoder else {
                return Ok(read.len());
            };
            let content = decoder.compact(&mut read).map_err(|e| e.to_string())?;
            if content > 0 || decoder.is_over() {
                return Ok(content);
            }
        }
    }

    /// What is there, or comes next.
    async fn read(&mut self) -> Result<Vec<u8>, String> {
        if !self.rest.is_empty() {
            return Ok(std::mem::take(&mut self.rest));
        }
        let mut read = Vec::with_capacity(16 * 1024);
        match self.wire.read_buf(&mut read).await.map_err(broke)? {
            0 => Err("the connection was closed".into()),
            _ => Ok(read),
        }
    }
}

fn broke(error: io::Error) -> String {
    format!("the connection broke: {error}")
}

fn unreadable(error: HeadError) -> String {
    format!("the answer cannot be read: {error}")
}
