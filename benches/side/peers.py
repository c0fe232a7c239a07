"""One way each: its programs, started with their hidden limits off and without logs, everything else as they come.

Programs that have threads or workers have as many as there are cores, as tuncat has.
"""

import getpass
import os
import subprocess

from children import file, program
from envoy import Envoy

CORES = os.cpu_count() or 1
ADDRESS = r"127\.0\.0\.1:(\d+)"


class Peers:
    """Starts the programs of ways that lead to a target."""

    def __init__(self, children, tuncat, target):
        self.children = children
        self.tuncat = tuncat
        self.target = target
        self.envoy = Envoy(children, target, self.certificate)
        self._certificate = None
        self._sshd = None

    def certificate(self):
        """Files of a certificate for 127.0.0.1 and localhost that is its own root, and of its key."""
        if not self._certificate:
            openssl = program("openssl", "openssl")
            # Not an authority, as openssl's own configuration would make it: it is shown by the server itself.
            conf = self.children.write(
                "openssl.cnf",
                "[req]\ndistinguished_name = dn\nx509_extensions = v3\nprompt = no\n[dn]\nCN = 127.0.0.1\n"
                "[v3]\nsubjectAltName = IP:127.0.0.1, DNS:localhost\nbasicConstraints = critical, CA:FALSE\n",
            )
            cert, key = self.children.path("cert.pem"), self.children.path("key.pem")
            subprocess.run(
                [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
                + ["-config", conf, "-keyout", key, "-out", cert],
                check=True,
                capture_output=True,
            )
            os.chmod(key, 0o644)
            self._certificate = cert, key
        return self._certificate

    def serve(self, tls=False):
        """`tuncat serve`; its port."""
        cert = ["--cert", self.certificate()[0], "--key", self.certificate()[1]] if tls else []
        return self.children.told([self.tuncat, "serve", "-l", "127.0.0.1:0", *cert], ADDRESS)

    def listen(self, carrier, tls=False):
        """`tuncat listen` before a `tuncat serve` of its own; its port."""
        proxy = f"{'https' if tls else 'http'}://127.0.0.1:{self.serve(tls)}"
        trust = ["--cacert", self.certificate()[0]] if tls else []
        spec = f"0:127.0.0.1:{self.target}"
        argv = [self.tuncat, "listen", "-x", proxy, "--via", carrier, *trust, "-L", spec]
        return self.children.told(argv, ADDRESS + " -> ")

    def squid(self):
        squid = program("squid", "squid")
        place = os.path.join(self.children.folder, "squid")

        def argv(port):
            conf = self.children.write(
                f"squid-{port}.conf",
                f"http_port 127.0.0.1:{port}\n"
                "visible_hostname squid.test\n"
                f"pid_filename {place}-{port}.pid\n"
                "cache_log /dev/null\naccess_log none\ncache_store_log none\n"
                f"coredump_dir {self.children.folder}\n"
                "cache deny all\ncache_mem 1 MB\nnetdb_filename none\npinger_enable off\n"
                "dns_nameservers 127.0.0.1\nshutdown_lifetime 0 seconds\n"
                "http_access allow all\n",
            )
            # The name keeps what it shares between processes apart from that of other squids.
            return [squid, "-N", "-n", f"side{port}", "-f", conf]

        return self.children.on_port(argv, "proxy")

    def tinyproxy(self):
        tinyproxy = program("tinyproxy", "tinyproxy-bin")

        def argv(port):
            text = f"Port {port}\nListen 127.0.0.1\nTimeout 3600\nMaxClients 4000\nLogLevel Critical\n"
            return [tinyproxy, "-d", "-c", self.children.write(f"tinyproxy-{port}.conf", text)]

        return self.children.on_port(argv)

    def apache(self):
        apache = program("apache2", "apache2-bin")
        modules = ["mpm_event", "authz_core", "proxy", "proxy_connect"]
        load = [(m, file(f"/usr/lib/apache2/modules/mod_{m}.so", "apache2-bin")) for m in modules]

        def argv(port):
            place = self.children.folder
            conf = self.children.write(
                f"apache-{port}.conf",
                "".join(f"LoadModule {m}_module {path}\n" for m, path in load)
                + f"ServerRoot {place}\nServerName apache.test\nDefaultRuntimeDir {place}\n"
                f"PidFile {place}/apache-{port}.pid\nErrorLog /dev/null\nLogLevel crit\n"
                # A tunnel takes a thread for as long as it lives.
                "ServerLimit 1\nStartServers 1\nThreadLimit 2000\nThreadsPerChild 2000\nMaxRequestWorkers 2000\n"
                f"Listen 127.0.0.1:{port}\nTimeout 3600\nProxyRequests On\nAllowCONNECT {self.target}\n"
                '<Proxy "*">\nRequire all granted\n</Proxy>\n',
            )
            return [apache, "-DFOREGROUND", "-f", conf]

        return self.children.on_port(argv, "www-data")

    def nghttpx(self):
        """An HTTP/2 forward proxy that hands tunnels on to a `tuncat serve` by HTTP/1.1; it can do no TCP itself."""
        nghttpx = program("nghttpx", "nghttp2-proxy")
        behind = self.serve()
        limits = ["frontend-http2-read", "frontend-read", "frontend-write", "stream-write", "backend-read"]
        limits = [f"--{limit}-timeout=1h" for limit in limits + ["backend-write"]]

        def argv(port):
            return [nghttpx, "--single-process", "--conf=/dev/null", "--http2-proxy", f"--workers={CORES}"] + limits + [
                "--log-level=ERROR",
                "--accesslog-file=",
                f"--frontend=127.0.0.1,{port};no-tls",
                f"--backend=127.0.0.1,{behind}",
                "--backend-connections-per-host=100000",
                "--frontend-http2-max-concurrent-streams=1000",
                "--frontend-http2-window-size=4M",
                "--frontend-http2-connection-window-size=16M",
            ]

        return self.children.on_port(argv)

    def haproxy(self, splice=False):
        haproxy = program("haproxy", "haproxy")

        def argv(port):
            conf = self.children.write(
                f"haproxy-{port}.cfg",
                f"global\n nbthread {CORES}\n maxconn 4000\n"
                "defaults\n mode tcp\n timeout connect 10s\n timeout client 1h\n timeout server 1h\n"
                + (" option splice-auto\n" if splice else "")
                + f"listen relay\n bind 127.0.0.1:{port}\n server target 127.0.0.1:{self.target}\n",
            )
            return [haproxy, "-db", "-f", conf]

        return self.children.on_port(argv)

    def nginx(self):
        nginx = program("nginx", "nginx")
        module = file("/usr/lib/nginx/modules/ngx_stream_module.so", "libnginx-mod-stream")

        def argv(port):
            conf = self.children.write(
                f"nginx-{port}.conf",
                f"load_module {module};\ndaemon off;\nworker_processes {CORES};\n"
                f"pid {self.children.folder}/nginx-{port}.pid;\nerror_log stderr crit;\n"
                "events { worker_connections 8192; }\n"
                f"stream {{ server {{ listen 127.0.0.1:{port}; proxy_pass 127.0.0.1:{self.target};"
                " proxy_timeout 1h; } }\n",
            )
            return [nginx, "-e", "stderr", "-c", conf]

        return self.children.on_port(argv, "www-data")

    def socat(self, to, buffer=None):
        """From a port to an address of socat's; a process for each connection."""
        socat = program("socat", "socat")
        size = ["-b", str(buffer)] if buffer else []
        # It would refuse whoever comes while five wait.
        own = "bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=1024"
        return self.children.on_port(lambda port: [socat, *size, f"TCP-LISTEN:{port},{own}", to + ",nodelay"])

    def ssh(self, *args):
        """The command line of an ssh that logs in at our sshd."""
        folder = self.children.folder
        if not self._sshd:
            keygen = program("ssh-keygen", "openssh-client")
            sshd = program("sshd", "openssh-server")
            for key in ["host_key", "user_key"]:
                made = [keygen, "-q", "-t", "ed25519", "-N", "", "-f", self.children.path(key)]
                subprocess.run(made, check=True, capture_output=True)
            if os.geteuid() == 0:
                os.makedirs("/run/sshd", exist_ok=True)

            def argv(port):
                conf = self.children.write(
                    f"sshd-{port}.conf",
                    f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host_key\nPidFile none\n"
                    f"AuthorizedKeysFile {folder}/user_key.pub\nStrictModes no\nUsePAM no\nLogLevel QUIET\n"
                    "MaxStartups 10000\nMaxSessions 10000\nPrintMotd no\nPrintLastLog no\n",
                )
                return [sshd, "-D", "-e", "-f", conf]

            self._sshd = self.children.on_port(argv)
        options = ["BatchMode=yes", "IdentitiesOnly=yes", f"IdentityFile={folder}/user_key", "IdentityAgent=none"]
        options += ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", f"Port={self._sshd}"]
        words = [word for option in options for word in ("-o", option)]
        ssh = program("ssh", "openssh-client")
        return [ssh, "-F", "/dev/null", *words, *args, f"{getpass.getuser()}@127.0.0.1"]

    def ssh_forward(self):
        """`ssh -L`; its port."""
        end = f"127.0.0.1:{self.target}"
        return self.children.on_port(lambda port: self.ssh("-N", "-L", f"127.0.0.1:{port}:{end}"))
