use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn used(parent: u32, own: u64, reaped: u64) -> Used {
    Used {
        parent,
        start: 7,
        kernel: false,
        own: ms(own),
        reaped: ms(reaped),
    }
}

/// Numbers that no process has: what is not in `now` is gone.
const A: u32 = u32::MAX - 1;
const B: u32 = u32::MAX - 2;
const C: u32 = u32::MAX - 3;

fn spent(before: &[(u32, Used)], now: &[(u32, Used)]) -> Duration {
    let spent = since(
        &before.iter().copied().collect(),
        &now.iter().copied().collect(),
    );
    spent.values().map(|s| s.own + s.reaped).sum()
}

#[test]
fn the_fields_of_stat() {
    let stat = "4711 (a) b (c)) S 1 2 3 0 -1 2097152 5 6 7 8 10 20 30 40 20 0 1 0 12345 0 0";
    let is = parse(stat).unwrap();
    assert_eq!((is.parent, is.start, is.kernel), (1, 12345, true));
    assert_eq!((is.own, is.reaped), (from_ticks(30), from_ticks(70)));
    assert_eq!(parse("4711 (short) S 1"), None);
    assert_eq!(parse(""), None);
}

#[test]
fn ended_ones_count_once() {
    // B had used 500 ms before, and used 100 more until its end.
    let before = [(A, used(1, 10, 0)), (B, used(A, 500, 0))];
    assert_eq!(spent(&before, &[(A, used(1, 15, 600))]), ms(105));
    // So it is when the one in the middle ended, too.
    let before = [
        (A, used(1, 10, 0)),
        (B, used(A, 20, 0)),
        (C, used(B, 300, 0)),
    ];
    assert_eq!(spent(&before, &[(A, used(1, 10, 370))]), ms(50));
    // It came and went between the two looks.
    assert_eq!(
        spent(&[(A, used(1, 10, 0))], &[(A, used(1, 10, 40))]),
        ms(40)
    );
}

/// What one loses is not taken from the others.
#[test]
fn one_that_nobody_waits_for_takes_nothing_from_others() {
    let before = [(A, used(1, 10, 0)), (B, used(A, 500, 0))];
    assert_eq!(spent(&before, &[(A, used(1, 15, 0))]), ms(5));
    // Its number may be another's by now.
    let mut other = used(1, 3, 0);
    other.start = 8;
    assert_eq!(
        spent(&before, &[(A, used(1, 15, 520)), (B, other)]),
        ms(5 + 20 + 3)
    );
}

#[cfg(target_os = "linux")]
mod processes {
    use super::*;
    use std::process::{Child, Command, Stdio};
    use std::sync::mpsc::channel;

    fn idle() -> Child {
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn we_are_no_member_though_our_parent_is() {
        let mut child = idle();
        let (own, pid) = (std::process::id(), child.id());
        let parent = std::os::unix::process::parent_id();
        let all = members(&[parent, own, parent]);
        assert!(all.contains(&parent), "{all:?}");
        assert!(!all.contains(&own) && !all.contains(&pid), "{all:?}");
        let all = members(&[parent, pid, own, pid]);
        assert_eq!(all.iter().filter(|p| **p == pid).count(), 1, "{all:?}");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_child_of_any_thread_is_found() {
        let (to, from) = channel::<()>();
        let (say, hear) = channel();
        let thread = std::thread::spawn(move || {
            let mut child = idle();
            say.send(child.id()).unwrap();
            let _ = from.recv();
            child.kill().unwrap();
            child.wait().unwrap();
        });
        let pid = hear.recv().unwrap();
        let found = children(std::process::id());
        drop(to);
        thread.join().unwrap();
        assert!(found.contains(&pid), "{pid} in {found:?}");
    }
}
