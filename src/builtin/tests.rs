use super::open;
use crate::base::{Builtin, pattern};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn echo_gives_back_more_than_it_holds() {
    let (mut read, mut write) = tokio::io::split(open(Builtin::Echo));
    let mut sent = vec![0; 1 << 20];
    pattern::fill(0, &mut sent);
    let copy = sent.clone();
    let writing = tokio::spawn(async move {
        write.write_all(&copy).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut got = Vec::new();
    read.read_to_end(&mut got).await.unwrap();
    writing.await.unwrap();
    assert!(got == sent);
}

#[tokio::test]
async fn discard_ends_after_its_peer() {
    let mut wire = open(Builtin::Discard);
    wire.write_all(&[1; 100_000]).await.unwrap();
    wire.shutdown().await.unwrap();
    assert_eq!(wire.read(&mut [0; 10]).await.unwrap(), 0);
}

#[tokio::test]
async fn source_sends_just_its_pattern() {
    let mut got = Vec::new();
    open(Builtin::Source(100_001))
        .read_to_end(&mut got)
        .await
        .unwrap();
    assert_eq!(got.len(), 100_001);
    assert_eq!(pattern::mismatch(0, &got), None);
}
