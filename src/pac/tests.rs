//! Scripts as companies have them, and scripts that nobody should have.

use super::*;
use std::net::IpAddr;
use std::time::{Duration, Instant};

struct Names;

impl Lookup for Names {
    fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let found: &[&str] = match name {
            "intranet" | "www.corp.example" => &["10.1.2.3"],
            "db.corp.example" => &["172.16.5.5", "fd00::5"],
            "public.example" => &["198.51.100.7"],
            "six.example" => &["2001:db8::6"],
            _ => &[],
        };
        found.iter().map(|a| a.parse().unwrap()).collect()
    }

    fn own(&self) -> Vec<IpAddr> {
        vec!["10.9.8.7".parse().unwrap()]
    }
}

fn ask(script: &str, host: &str, port: u16) -> Result<String, String> {
    let pac = Pac::new("test.pac", script.as_bytes())?;
    let choices = pac.evaluate(&Host::parse(host).unwrap(), port, Names)?;
    let shown = choices.iter().map(|choice| match choice {
        Choice::Direct => "DIRECT".to_owned(),
        Choice::Proxy(proxy) => proxy.to_string(),
    });
    Ok(shown.collect::<Vec<_>>().join(" "))
}

/// A function of one expression.
fn returns(expression: &str) -> String {
    format!(
        "function FindProxyForURL(url, host) {{ return {expression} ? 'PROXY yes:1' : 'DIRECT'; }}"
    )
}

#[track_caller]
fn check(script: &str, cases: &[(&str, u16, &str)]) {
    for (host, port, wanted) in cases {
        assert_eq!(
            ask(script, host, *port).as_deref(),
            Ok(*wanted),
            "{host}:{port} of {script}"
        );
    }
}

const A: &str = "http://a:8080";
const D: &str = "DIRECT";

#[test]
fn plain_names_and_domains() {
    check(
        "function FindProxyForURL(url, host) {
            // Nothing inside goes through the proxy.
            if (isPlainHostName(host) || dnsDomainIs(host, '.corp.example')) return 'DIRECT';
            return 'PROXY a:8080';
        }",
        &[
            ("intranet", 22, D),
            ("WWW.Corp.Example", 443, D),
            ("corp.example", 1, A),
            ("x.test", 22, A),
        ],
    );
    check(
        "function FindProxyForURL(url, host)\r\n{\r\n\tif (localHostOrDomainIs(host, 'www.corp.example'))\r\n\t\treturn \"DIRECT\";\r\n\treturn \"PROXY a:8080; DIRECT\";\r\n}\r\n",
        &[
            ("www", 1, D),
            ("www.corp.example", 1, D),
            ("home.corp.example", 1, "http://a:8080 DIRECT"),
        ],
    );
}

#[test]
fn patterns() {
    check(
        "function FindProxyForURL(url, host) {
            if (shExpMatch(host, '*.example.(com|org)')) return 'PROXY never:1';
            if (shExpMatch(url, 'https://*:22/*')) return 'PROXY ssh:3128';
            if (shExpMatch(host, '*.test') || shExpMatch(host, '10.?.*')) return 'PROXY a:8080';
            return 'DIRECT';
        }",
        &[
            ("h.example.com", 22, "http://ssh:3128"),
            ("h.test", 443, A),
            ("test", 443, D),
            ("10.1.7.7", 443, A),
            ("10.11.7.7", 443, D),
        ],
    );
    check(
        &returns("shExpMatch('aaaaaaaaaaaaaaaaaaaaaaaaaaaa', '*a*a*a*a*a*a*a*a*a*a*b')"),
        &[("x", 1, D)],
    );
    check(
        &returns("shExpMatch('a.b', 'a?b') && !shExpMatch('', '?') && shExpMatch('', '*')"),
        &[("x", 1, "http://yes:1")],
    );
}

#[test]
fn networks() {
    let script = "
        var nets = [['10.0.0.0', '255.0.0.0'], ['172.16.0.0', '255.240.0.0'], ['192.168.0.0', '255.255.0.0'], ['127.0.0.0', '255.0.0.0']];
        function FindProxyForURL(url, host) {
            var ip = dnsResolve(host);
            if (!ip) return 'PROXY unknown:1';
            for (var i = 0; i < nets.length; i++)
                if (isInNet(ip, nets[i][0], nets[i][1])) return 'DIRECT';
            return 'PROXY a:8080';
        }";
    check(
        script,
        &[
            ("intranet", 22, D),
            ("db.corp.example", 22, D),
            ("public.example", 22, A),
            ("192.168.3.4", 22, D),
            ("nowhere.example", 22, "http://unknown:1"),
            ("six.example", 22, "http://unknown:1"),
        ],
    );
    check(
        &returns("isInNet(host, '198.51.100.0', '255.255.255.0')"),
        &[("public.example", 1, "http://yes:1"), ("intranet", 1, D)],
    );
    check(
        &returns("isInNetEx(host, '2001:db8::/32') || isInNetEx(host, '10.1.0.0/16')"),
        &[
            ("six.example", 1, "http://yes:1"),
            ("intranet", 1, "http://yes:1"),
            ("public.example", 1, D),
            ("[2001:db8::1]", 1, "http://yes:1"),
        ],
    );
    check(
        &returns("isInNet(myIpAddress(), '10.9.0.0', '255.255.0.0')"),
        &[("x", 1, "http://yes:1")],
    );
    check(
        &returns("isResolvable(host) && !isResolvable('no.example')"),
        &[("intranet", 1, "http://yes:1")],
    );
    check(
        &returns("isResolvableEx(host) && dnsResolveEx(host) == '172.16.5.5;fd00::5'"),
        &[("db.corp.example", 1, "http://yes:1")],
    );
    check(
        &returns(
            "sortIpAddressList('10.2.3.9;2001:db8::1;::1;10.2.3.4') == '::1;2001:db8::1;10.2.3.4;10.2.3.9'",
        ),
        &[("x", 1, "http://yes:1")],
    );
    check(
        &returns("convert_addr('104.16.41.2') == 1745889538"),
        &[("x", 1, "http://yes:1")],
    );
}

#[test]
fn balance_and_failover() {
    check(
        "function FindProxyForURL(url, host) {
            var h = 0;
            for (var i = 0; i < host.length; i++) h += host.charCodeAt(i);
            var list = ['PROXY p0:1', 'PROXY p1:1', 'PROXY p2:1'];
            return list[h % 3] + '; ' + list[(h + 1) % 3] + '; DIRECT';
        }",
        &[
            ("a", 1, "http://p1:1 http://p2:1 DIRECT"),
            ("b", 1, "http://p2:1 http://p0:1 DIRECT"),
        ],
    );
    check(
        "function FindProxyForURL(u,h){return 'HTTPS s.example:443;SOCKS5 t:1080 ; SOCKS u; SOCKS4 v:1;HTTP w:2;'}",
        &[(
            "x",
            1,
            "https://s.example:443 socks5h://t:1080 socks4a://u:1080 socks4a://v:1 http://w:2",
        )],
    );
    check(
        "function FindProxyForURL(u,h){return 'QUIC q:1; proxy [::1]:3128; direct'}",
        &[("x", 1, "http://[::1]:3128 DIRECT")],
    );
    check(
        "function FindProxyForURL(u,h){return 'PROXY user:secret@a:8080'}",
        &[("x", 1, A)],
    );
    check(
        "function FindProxyForURL(u,h){return 'PROXY a'}",
        &[("x", 1, "http://a:80")],
    );
}

#[test]
fn nothing_is_direct() {
    for body in [
        "",
        "return",
        "return null",
        "return ''",
        "return ' ; ;'",
        "return undefined",
    ] {
        check(
            &format!("function FindProxyForURL(url, host) {{ {body} }}"),
            &[("x", 1, D)],
        );
    }
}

#[test]
fn what_is_asked() {
    let script = "function FindProxyForURL(url, host) { return 'PROXY ' + (url + '|' + host).replace(/[^a-z0-9]/g, '-') + ':1'; }";
    check(
        script,
        &[
            (
                "Host.Example",
                443,
                "http://https---host-example--host-example:1",
            ),
            ("h", 22, "http://https---h-22--h:1"),
            ("[::1]", 22, "http://https------1--22----1:1"),
        ],
    );
    let levels =
        "function FindProxyForURL(url, host) { return 'PROXY n' + dnsDomainLevels(host) + ':1'; }";
    check(
        levels,
        &[("a", 1, "http://n0:1"), ("a.b.c", 1, "http://n2:1")],
    );
}

#[test]
fn styles() {
    // Globals, old comments, functions of its own, a table, switch, try, and the Ex name.
    check(
        "<!-- old browsers\nproxy = 'PROXY a:8080';\nfunction inside(h) { return /\\.corp\\.example$/i.test(h); }\nfunction FindProxyForURL(url, host) { return inside(host) ? 'DIRECT' : proxy; }\n//-->",
        &[],
    );
    check(
        "proxy = 'PROXY a:8080';\nfunction inside(h) { return /\\.corp\\.example$/i.test(h); }\nfunction FindProxyForURL(url, host) { return inside(host) ? 'DIRECT' : proxy; }",
        &[("x.corp.example", 1, D), ("x", 1, A)],
    );
    check(
        "var t = {'h.test': 'PROXY a:8080'}; FindProxyForURL = function(u, h) { return t[h] || 'DIRECT'; }",
        &[("h.test", 1, A), ("x", 1, D)],
    );
    check(
        "const FindProxyForURL = (url, host) => host === 'h' ? 'PROXY a:8080' : 'DIRECT'; globalThis.FindProxyForURL = FindProxyForURL;",
        &[("h", 1, A)],
    );
    check(
        "function FindProxyForURLEx(url, host) { return 'PROXY a:8080'; }",
        &[("x", 1, A)],
    );
    check(
        "function FindProxyForURL(u, h) { switch (u.split(':')[2]) { case '22/': return 'PROXY a:8080'; default: return 'DIRECT'; } }",
        &[("x", 22, A), ("x", 23, D)],
    );
    check(
        "function FindProxyForURL(u, h) { try { nothing(); } catch (e) { alert('no: ' + e); } return 'PROXY a:8080'; }",
        &[("x", 1, A)],
    );
    check(
        "function FindProxyForURL(u, h) { with (Math) { return max(1, 2) == 2 ? 'PROXY a:8080' : 'DIRECT'; } }",
        &[("x", 1, A)],
    );
    check(
        "eval(\"function FindProxyForURL(u, h) { return 'PROXY a:8080'; }\")",
        &[("x", 1, A)],
    );
    let latin =
        b"// Entreprise fran\xe7aise\nfunction FindProxyForURL(u, h) { return 'PROXY a:8080'; }";
    let pac = Pac::new("latin", latin).unwrap();
    let host = Host::parse("x").unwrap();
    assert!(matches!(
        pac.evaluate(&host, 1, Names).unwrap()[..],
        [Choice::Proxy(_)]
    ));
    check(
        "\u{feff}function FindProxyForURL(u, h) { return 'PROXY a:8080'; }",
        &[("x", 1, A)],
    );
}

/// Ranges that hold whenever the test runs, and those that never do.
#[test]
fn times() {
    for always in [
        "weekdayRange('SUN', 'SAT')",
        "weekdayRange('MON', 'SUN', 'GMT')",
        "timeRange(0, 24)",
        "timeRange(0, 0, 0, 23, 59, 59, 'GMT')",
        "timeRange(12, 0, 11, 59) || timeRange(0, 0, 24, 0)",
        "dateRange('JAN', 'DEC')",
        "dateRange(1, 31)",
        "dateRange(1, 'JAN', 31, 'DEC')",
        "dateRange(2000, 2999, 'GMT')",
        "dateRange(1, 'JAN', 2000, 31, 'DEC', 2999)",
    ] {
        check(&returns(always), &[("x", 1, "http://yes:1")]);
    }
    for never in [
        "weekdayRange('XXX')",
        "timeRange()",
        "dateRange(1999)",
        "dateRange(1, 'JAN', 1999)",
        "dateRange(1990, 1999)",
    ] {
        check(&returns(never), &[("x", 1, D)]);
    }
}

#[track_caller]
fn fails(script: &str, said: &str) {
    let began = Instant::now();
    let why = ask(script, "h.test", 22).unwrap_err();
    assert!(why.starts_with("test.pac: "), "{why}");
    assert!(why.contains(said), "{said:?} in: {why}");
    assert!(began.elapsed() < Duration::from_secs(20), "{why}");
}

#[test]
fn scripts_that_are_wrong() {
    fails("", "there is nothing in it");
    fails(" \n ", "there is nothing in it");
    fails("<html><title>Login</title>", "an HTML page");
    fails("\0\u{1}\u{2}ELF", "that is no script");
    fails(
        "function FindProxyForURL(url, host) {\n  if (\n}",
        "line 3: ",
    );
    fails("var x = 1;", "no function FindProxyForURL");
    fails(
        "var FindProxyForURL = 'PROXY a:1';",
        "no function FindProxyForURL",
    );
    fails(
        "function FindProxyForURL(u, h) {\n\n return nothing(h); }",
        "line 3: nothing is not defined",
    );
    fails(
        "function FindProxyForURL(u, h) { throw 'a\u{1b}[2J'; }",
        "it threw a\\u{1b}[2J",
    );
    fails(
        "function FindProxyForURL(u, h) { return 42; }",
        "no text but",
    );
    fails(
        "function FindProxyForURL(u, h) { return {}; }",
        "no text but object",
    );
    fails(
        "function FindProxyForURL(u, h) { return 'TELNET x:1'; }",
        "no proxy that can be used",
    );
    fails(
        "function FindProxyForURL(u, h) { return require('fs'); }",
        "require is not defined",
    );
    fails(
        "function FindProxyForURL(u, h) { return fetch('http://x'); }",
        "fetch is not defined",
    );
}

/// Whatever it does, it ends, and soon.
#[test]
fn scripts_that_are_evil() {
    fails(
        "function FindProxyForURL(u, h) { while (true) {} }",
        "it was ended after 5 s",
    );
    fails(
        "while (true) { try { while (true) {} } catch (e) {} }",
        "it was ended after 5 s",
    );
    fails(
        "function FindProxyForURL(u, h) { var a = []; while (true) a.push('x'.repeat(1e6) + a.length); }",
        "memory",
    );
    fails(
        "function FindProxyForURL(u, h) { return new Array(1e9).fill('x').join(); }",
        "",
    );
    fails(
        "function f() { return f() + 1; } function FindProxyForURL(u, h) { return f(); }",
        "stack",
    );
    fails(
        "function FindProxyForURL(u, h) { return /^(a+)+$/.test('a'.repeat(40) + 'b'); }",
        "",
    );
}
