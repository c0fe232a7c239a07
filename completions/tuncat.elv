
use builtin;
use str;

set edit:completion:arg-completer[tuncat] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'tuncat'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'tuncat'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand connect 'Carry stdin and stdout through one tunnel'
            cand listen 'Carry connections to local ports through tunnels'
            cand serve 'Run a small terminating proxy'
            cand generate 'Write man pages or shell completions'
        }
        &'tuncat;connect'= {
            cand -x 'Proxy to go through: http://, https://, h2c:// or embedded:'
            cand --proxy 'Proxy to go through: http://, https://, h2c:// or embedded:'
            cand --via 'Carriers to use with the (last) proxy, in order of preference: h2, h1, h2-post, h1-post, post'
            cand --path 'Path of POST tunnels at the (last) proxy'
            cand -U 'User and password for the (first) proxy'
            cand --proxy-user 'User and password for the (first) proxy'
            cand --proxy-pass-file 'File whose first line is the password for the (first) proxy'
            cand -H 'Header field for the (first) proxy''s request, ''Name: value'''
            cand --header 'Header field for the (first) proxy''s request, ''Name: value'''
            cand --cacert 'Trust the certificate authorities in this PEM file, instead of the system''s'
            cand --pin 'Trust the proxy that holds this public key, and no other'
            cand -w 'Seconds until the tunnel must be open; 0 for no limit'
            cand --connect-timeout 'Seconds until the tunnel must be open; 0 for no limit'
            cand --resolve 'Address to use for a host and port instead of asking the resolver'
            cand -i 'End after this much silence both ways; off by default'
            cand --idle-timeout 'End after this much silence both ways; off by default'
            cand --fin-delay 'How long the far side must be quiet before the FIN is sent through a proxy that may answer it by closing both ways'
            cand --no-proxy 'Use no proxy, whatever the environment says'
            cand -k 'Trust any certificate of an https proxy'
            cand --insecure 'Trust any certificate of an https proxy'
            cand -4 'Use IPv4 only'
            cand --ipv4 'Use IPv4 only'
            cand -6 'Use IPv6 only'
            cand --ipv6 'Use IPv6 only'
            cand -N 'At the end of stdin send the FIN at once, whatever the proxy does with it'
            cand --fin-now 'At the end of stdin send the FIN at once, whatever the proxy does with it'
            cand -z 'Only open the tunnel and close it: the exit code tells whether that works'
            cand --zero-io 'Only open the tunnel and close it: the exit code tells whether that works'
            cand -v 'Tell on stderr what happens; twice for more'
            cand --verbose 'Tell on stderr what happens; twice for more'
            cand --json 'At the end, or on failure, one JSON object on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'tuncat;listen'= {
            cand -L 'Local end and target: [BIND:]PORT:HOST:HOSTPORT, as with ssh -L; repeatable'
            cand --local 'Local end and target: [BIND:]PORT:HOST:HOSTPORT, as with ssh -L; repeatable'
            cand -x 'Proxy to go through: http://, https://, h2c:// or embedded:'
            cand --proxy 'Proxy to go through: http://, https://, h2c:// or embedded:'
            cand --via 'Carriers to use with the (last) proxy, in order of preference: h2, h1, h2-post, h1-post, post'
            cand --path 'Path of POST tunnels at the (last) proxy'
            cand -U 'User and password for the (first) proxy'
            cand --proxy-user 'User and password for the (first) proxy'
            cand --proxy-pass-file 'File whose first line is the password for the (first) proxy'
            cand -H 'Header field for the (first) proxy''s request, ''Name: value'''
            cand --header 'Header field for the (first) proxy''s request, ''Name: value'''
            cand --cacert 'Trust the certificate authorities in this PEM file, instead of the system''s'
            cand --pin 'Trust the proxy that holds this public key, and no other'
            cand -w 'Seconds until the tunnel must be open; 0 for no limit'
            cand --connect-timeout 'Seconds until the tunnel must be open; 0 for no limit'
            cand --resolve 'Address to use for a host and port instead of asking the resolver'
            cand --warm 'Sessions with an HTTP/2 proxy that are opened at start, before any client, and kept open'
            cand --connections 'Sessions with an HTTP/2 proxy at the same time, at most'
            cand -i 'End a tunnel after this much silence both ways; off by default'
            cand --idle-timeout 'End a tunnel after this much silence both ways; off by default'
            cand --drain 'How long live tunnels may go on after SIGTERM or SIGINT'
            cand --no-proxy 'Use no proxy, whatever the environment says'
            cand -k 'Trust any certificate of an https proxy'
            cand --insecure 'Trust any certificate of an https proxy'
            cand -4 'Use IPv4 only'
            cand --ipv4 'Use IPv4 only'
            cand -6 'Use IPv6 only'
            cand --ipv6 'Use IPv6 only'
            cand -v 'Tell on stderr what happens; twice for more'
            cand --verbose 'Tell on stderr what happens; twice for more'
            cand --json 'At the end, or on failure, one JSON object on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'tuncat;serve'= {
            cand -l 'Where to listen: ADDRESS:PORT, PORT, *:PORT or unix:PATH; repeatable'
            cand --listen 'Where to listen: ADDRESS:PORT, PORT, *:PORT or unix:PATH; repeatable'
            cand --cert 'Speak TLS with this certificate chain (PEM)'
            cand --key 'The certificate''s key (PEM)'
            cand --auth 'A user who may use the proxy (Basic authentication); repeatable'
            cand --auth-file 'File with one user:password a line'
            cand --allow-clients 'Client addresses to serve'
            cand --allow 'A target that may be reached; repeatable'
            cand --deny 'A target that may not be reached; repeatable'
            cand --forward 'Where every POST tunnel ends, whatever the request says; the rules hold for it too'
            cand --drain 'How long live tunnels may go on after SIGTERM'
            cand --self-signed 'Speak TLS with a new certificate of our own; its pin, for --pin, is printed'
            cand --allow-builtin 'Offer the targets echo:, discard:, source:BYTES and bench: also on addresses other than loopback'
            cand -v 'Tell on stderr what happens; twice for more'
            cand --verbose 'Tell on stderr what happens; twice for more'
            cand --json 'At the end, or on failure, one JSON object on stderr'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'tuncat;generate'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
    ]
    $completions[$command]
}
