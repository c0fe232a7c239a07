use super::*;
use crate::base::Builtin;

fn policy(allow: &[&str], deny: &[&str], baseline: Baseline) -> Policy {
    let rules = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect();
    Policy {
        allow: rules(allow),
        deny: rules(deny),
        baseline,
        exec: false,
        builtin: false,
    }
}

/// Whether `host:port` may be dialled when it resolves to `ip`.
fn permits(policy: &Policy, target: &str, ip: &str) -> bool {
    let target = Target::parse(target).unwrap();
    let Target::Tcp { host, port } = &target else {
        panic!("a TCP target");
    };
    let address = SocketAddr::new(ip.parse().unwrap(), *port);
    policy.check_target(&target).is_ok() && policy.check_addresses(host, &[address]).is_ok()
}

#[test]
fn the_defaults() {
    let loopback = policy(&[], &[], Baseline::Loopback);
    assert!(permits(&loopback, "a.test:22", "8.8.8.8"));
    assert!(permits(&loopback, "localhost:22", "127.0.0.1"));
    assert!(!permits(&loopback, "a.test:22", "10.0.0.1"));
    assert!(!permits(&loopback, "a.test:80", "169.254.169.254"));
    let exposed = policy(&[], &[], Baseline::Exposed);
    assert!(permits(&exposed, "a.test:443", "8.8.8.8"));
    assert!(!permits(&exposed, "a.test:22", "8.8.8.8"));
    assert!(!permits(&exposed, "a.test:443", "127.0.0.1"));
}

#[test]
fn allow_rules_replace_the_default_and_deny_wins() {
    let p = policy(&["*.test:22,8000-8010"], &["bad.test"], Baseline::Loopback);
    assert!(permits(&p, "a.test:22", "8.8.8.8"));
    assert!(permits(&p, "A.B.TEST.:8005", "8.8.8.8"));
    assert!(!permits(&p, "test:22", "8.8.8.8"));
    assert!(!permits(&p, "a.test:23", "8.8.8.8"));
    assert!(!permits(&p, "bad.test:22", "8.8.8.8"));
    assert!(!permits(&p, "xtest:22", "8.8.8.8"));
    let p = policy(&["*"], &["8.8.0.0/16"], Baseline::Loopback);
    assert!(permits(&p, "a.test:1", "9.9.9.9"));
    assert!(!permits(&p, "a.test:1", "8.8.8.8"));
    assert!(!permits(&p, "a.test:1", "::ffff:8.8.8.8"));
    let p = policy(
        &[],
        &["::ffff:127.0.0.0/104", "[::ffff:8.8.8.8]:1"],
        Baseline::Loopback,
    );
    assert!(!permits(&p, "a.test:1", "127.0.0.1"));
    assert!(!permits(&p, "a.test:1", "8.8.8.8"));
}

#[test]
fn a_name_never_opens_a_special_address() {
    let p = policy(&["*", "intern.test"], &[], Baseline::Loopback);
    assert!(!permits(&p, "intern.test:80", "10.0.0.1"));
    assert!(!permits(&p, "localhost:80", "127.0.0.1"));
    let p = policy(&["intern.test", "10.0.0.0/8:80"], &[], Baseline::Loopback);
    assert!(permits(&p, "intern.test:80", "10.0.0.1"));
    assert!(!permits(&p, "intern.test:81", "10.0.0.1"));
    assert!(!permits(&p, "intern.test:80", "192.168.0.1"));
    let p = policy(&["0.0.0.0/0", "::/0"], &[], Baseline::Loopback);
    assert!(permits(&p, "a.test:80", "8.8.8.8"));
    assert!(!permits(&p, "a.test:80", "127.0.0.1"));
    assert!(!permits(&p, "a.test:80", "169.254.169.254"));
    assert!(!permits(&p, "a.test:80", "::1"));
}

#[test]
fn only_the_permitted_addresses_are_left() {
    let p = policy(&[], &[], Baseline::Loopback);
    let addresses = ["10.0.0.1:1", "8.8.8.8:1", "[fe80::1]:1"].map(|a| a.parse().unwrap());
    let host = Host::parse("a.test").unwrap();
    let left = p.check_addresses(&host, &addresses).unwrap();
    assert_eq!(left, [addresses[1]]);
    let denied = p.check_addresses(&host, &addresses[..1]).unwrap_err();
    assert!(matches!(denied, Denied::Address(_)));
}

#[test]
fn builtin_and_unix_targets_need_leave() {
    let mut p = policy(&["unix:/run/a"], &[], Baseline::Loopback);
    let unix = |path: &str| Target::Unix(path.into());
    assert!(p.check_target(&unix("/run/a")).is_ok());
    assert!(p.check_target(&unix("/run/b")).is_err());
    assert!(p.check_target(&unix("/run/x/../a")).is_err());
    assert!(p.check_target(&Target::Builtin(Builtin::Echo)).is_err());
    p.builtin = true;
    assert!(p.check_target(&Target::Builtin(Builtin::Echo)).is_ok());
}

#[test]
fn rules_that_are_wrong() {
    for bad in [
        "",
        ":80",
        "a b",
        "*.10.0.0.1",
        "h:0",
        "h:9-1",
        "h:x",
        "unix:run",
        "10.0.0.0/33",
    ] {
        assert!(bad.parse::<Rule>().is_err(), "{bad:?}");
    }
    for good in [
        "::1",
        "[::1]:80",
        "fd00::/8",
        "[fd00::/8]:80",
        "10.0.0.0/8:*",
        "*:443",
    ] {
        assert!(good.parse::<Rule>().is_ok(), "{good:?}");
    }
}

#[test]
fn clients() {
    let any: SocketAddr = "0.0.0.0:1".parse().unwrap();
    let mut clients = Clients::default();
    assert!(clients.check_bind(any).is_err());
    assert!(clients.check_bind("127.0.0.1:1".parse().unwrap()).is_ok());
    assert!(clients.admits(Some("127.0.0.1".parse().unwrap())));
    assert!(!clients.admits(Some("192.0.2.1".parse().unwrap())));
    clients.allow.push("192.0.2.0/24".parse().unwrap());
    assert!(clients.check_bind(any).is_ok());
    assert!(clients.admits(Some("::ffff:192.0.2.1".parse().unwrap())));
    assert!(!clients.admits(Some("127.0.0.1".parse().unwrap())));
}
