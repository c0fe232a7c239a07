//! Authorities that are none, by hand and by rule.

/// Authorities that name the target in a way that somebody might understand, and hosts and ports that nobody should.
pub fn authorities(port: u16) -> Vec<String> {
    let mut all = Vec::new();
    // What is wrong with the port; each host would be fine.
    for host in ["127.0.0.1", "localhost", "[::1]", "h"] {
        for bad in [
            "",
            ":",
            ":0",
            ":00",
            ":65536",
            ":99999",
            ":100000",
            ":4294967376",
            ":-1",
            ":+80",
            ":80x",
            ":x80",
            ":0x50",
            ":1e2",
            ":80.",
            ":80,81",
            ":80:",
            "::80",
            ":http",
            ":%38%30",
            ":80/",
            ":80?",
            ":80#",
            ":80@h",
            ":80;",
            ":\u{665}\u{660}",
        ] {
            all.push(format!("{host}{bad}"));
        }
        all.push(format!("{host}:+{port}"));
        all.push(format!("{host}:-{port}"));
        all.push(format!("{host}:000{port}"));
        all.push(format!("{host}:{port}/"));
        all.push(format!("{host}:{port}/path"));
        all.push(format!("{host}:{port}?q"));
        all.push(format!("{host}:{port}#f"));
        all.push(format!("{host}:{port}:{port}"));
        all.push(format!("{host}:{port},{host}:{port}"));
        all.push(format!("http://{host}:{port}"));
        all.push(format!("https://{host}:{port}/"));
        all.push(format!("//{host}:{port}"));
        all.push(format!("/{host}:{port}"));
        all.push(format!("u@{host}:{port}"));
        all.push(format!("u:p@{host}:{port}"));
        all.push(format!("@{host}:{port}"));
    }
    // What is wrong with the host; the port is the target's.
    for host in [
        "",
        ".",
        "..",
        "a..b",
        ".a",
        "-/",
        "a/b",
        "a\\b",
        "a%20b",
        "%31%32%37.0.0.1",
        "a,b",
        "a;b",
        "a=b",
        "a&b",
        "a'b",
        "a\"b",
        "<a>",
        "{a}",
        "a|b",
        "a^b",
        "a`b",
        "a~b",
        "a!b",
        "a$b",
        "(a)",
        "a*b",
        "*",
        "a+b",
        "a#b",
        "a?b",
        "a@b",
        // IPv4 as resolvers of old read it, and not all of them the same way.
        "127.1",
        "127.0.1",
        "0x7f.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "0X7F000001",
        "0177.0.0.1",
        "0177.1",
        "017700000001",
        "127.0.0.01",
        "127.0.0.0x1",
        "127.0.0.256",
        "127.0.0.1.",
        "127.0.0.1.1",
        "1.2.3.4.5",
        "127.0.0.1..",
        "0",
        "00",
        "4294967296",
        "99999999999",
        "02130706433",
        "2130706433.",
        "1.2.3.0x4",
        // IPv6.
        "::1",
        "0:0:0:0:0:0:0:1",
        "[::1",
        "::1]",
        "[]",
        "[:]",
        "[::1]]",
        "[[::1]]",
        "[::1]x",
        "x[::1]",
        "[127.0.0.1]",
        "[1.2.3.4]",
        "[localhost]",
        "[::g]",
        "[:::1]",
        "[1::2::3]",
        "[1:2:3:4:5:6:7:8:9]",
        "[::12345]",
        "[fe80::1%lo]",
        "[fe80::1%25lo]",
        "[::1%]",
        "[::1/128]",
        "[v1.x]",
        "[::ffff:127.0.0.256]",
        "[::ffff:0x7f.0.0.1]",
        "[ ::1]",
        // Names of built-in targets that there are not.
        "tuncat.invalid.x/",
        "echo:",
        "%2Ftmp%2",
        "2f746d7.unix.tuncat.invalid",
        "2f00.unix.tuncat.invalid",
        "746d70.unix.tuncat.invalid",
        "unix.tuncat.invalid",
    ] {
        all.push(format!("{host}:{port}"));
    }
    let long_label = "a".repeat(64);
    let long_name = vec!["a"; 128].join(".");
    all.push(format!("{long_label}:{port}"));
    all.push(format!("{long_name}:{port}"));
    all.push("echo.tuncat.invalid:8".to_owned());
    all.push("nope.tuncat.invalid:7".to_owned());
    all.push("source-x.tuncat.invalid:19".to_owned());
    all.push("source-99999999999999999999.tuncat.invalid:19".to_owned());
    all.push("*".to_owned());
    all.push("/".to_owned());
    all
}
