# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_tuncat_global_optspecs
    string join \n h/help V/version
end

function __fish_tuncat_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_tuncat_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_tuncat_using_subcommand
    set -l cmd (__fish_tuncat_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c tuncat -n "__fish_tuncat_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tuncat -n "__fish_tuncat_needs_command" -s V -l version -d 'Print version'
complete -c tuncat -n "__fish_tuncat_needs_command" -f -a "connect" -d 'Carry stdin and stdout through one tunnel'
complete -c tuncat -n "__fish_tuncat_needs_command" -f -a "listen" -d 'Carry connections to local ports through tunnels'
complete -c tuncat -n "__fish_tuncat_needs_command" -f -a "serve" -d 'Run a small terminating proxy'
complete -c tuncat -n "__fish_tuncat_needs_command" -f -a "bench" -d 'Measure tunnels: throughput, round trips, set-up, idle cost'
complete -c tuncat -n "__fish_tuncat_needs_command" -f -a "doctor" -d 'Tell what a proxy permits, and why something fails'
complete -c tuncat -n "__fish_tuncat_needs_command" -f -a "generate" -d 'Write man pages or shell completions'
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -s x -l proxy -d 'Proxy to go through: http://, https://, h2c://, h3://, socks5h:// or embedded:' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l profile -d 'Profile to take options from' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l config -d 'File with profiles, instead of ~/.config/tuncat/config.toml' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l from-profile -d 'Where the way comes from, if it is a profile' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l via -d 'Carriers to use with the (last) proxy, in order of preference: auto, or h3, h2, h1, h3-post, h2-post, h1-post, post, ws' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l path -d 'Path of POST and WebSocket tunnels at the (last) proxy' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l pac -d 'Script that says which proxy is for what (PAC): a file, or an http, https or file URL' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -s U -l proxy-user -d 'User and password for the (first) proxy' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l proxy-pass-file -d 'File whose first line is the password for the (first) proxy' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l netrc-file -d 'The same in another file' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l proxy-auth-command -d 'Command that says what to show to a proxy' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l proxy-auth -d 'Ways to authenticate that may be used: negotiate, ntlm, digest, basic, bearer' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -s H -l header -d 'Header field for the (first) proxy\'s request, \'Name: value\'' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l cacert -d 'Trust the certificate authorities in this PEM file, instead of the system\'s' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l pin -d 'Trust the proxy that holds this public key, and no other' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -s E -l cert -d 'Our certificate chain, for proxies that ask for one (PEM); with the key in it, or in --key' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l key -d 'The key of --cert (PEM)' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l sni -d 'Name to ask for, and to find in the certificate, instead of the proxy\'s host' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l tls-roots -d 'Authorities to trust where none is named: native, webpki or both' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -s w -l connect-timeout -d 'Seconds until the tunnel must be open; 0 for no limit' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l congestion -d 'What tells QUIC (h3) that the path is full: cubic (loss) or bbr (rate and delay)' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l resolve -d 'Address to use for a host and port instead of asking the resolver' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l inner-cacert -d 'Trust the certificate authorities in this PEM file for the target' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l inner-pin -d 'Trust the target that holds this public key, and no other' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l inner-cert -d 'Our certificate chain, for targets that ask for one (PEM); with the key in it, or in --inner-key' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l inner-key -d 'The key of --inner-cert (PEM)' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l inner-sni -d 'Name to ask for, and to find in the certificate, instead of the target\'s host' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l inner-alpn -d 'Protocols to offer the target (ALPN), such as h2,http/1.1' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -s i -l idle-timeout -d 'End after this much silence both ways; off by default' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l fin-delay -d 'How long the far side must be quiet before the FIN is sent through a proxy that may answer it by closing both ways' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l no-proxy -d 'Use no proxy, whatever the environment says'
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l netrc -d 'Look for user and password of proxies in ~/.netrc'
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -s k -l insecure -d 'Trust any certificate of an https proxy'
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l inner-tls -d 'Speak TLS with the target, inside the tunnel'
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l inner-insecure -d 'Trust any certificate of the target'
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -s N -l fin-now -d 'At the end of stdin send the FIN at once, whatever the proxy does with it'
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -s z -l zero-io -d 'Only open the tunnel and close it: the exit code tells whether that works'
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l fdpass -d 'Give the tunnel\'s socket to the process at the other end of stdout, and leave'
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l explain -d 'Tell which way would be taken and why, and do nothing'
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -s v -l verbose -d 'Tell on stderr what happens; twice for more'
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -l json -d 'At the end, or on failure, one JSON object on stderr'
complete -c tuncat -n "__fish_tuncat_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -s L -l local -d 'Local end and target: [BIND:]PORT:HOST:HOSTPORT, as with ssh -L; repeatable' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -s D -l dynamic -d 'Local proxy: [BIND:]PORT, for clients that say themselves where they want to go; repeatable' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l allow-clients -d 'Client addresses that -D serves, instead of this machine\'s' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -s x -l proxy -d 'Proxy to go through: http://, https://, h2c://, h3://, socks5h:// or embedded:' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l profile -d 'Profile to take options from' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l config -d 'File with profiles, instead of ~/.config/tuncat/config.toml' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l from-profile -d 'Where the way comes from, if it is a profile' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l via -d 'Carriers to use with the (last) proxy, in order of preference: auto, or h3, h2, h1, h3-post, h2-post, h1-post, post, ws' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l path -d 'Path of POST and WebSocket tunnels at the (last) proxy' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l pac -d 'Script that says which proxy is for what (PAC): a file, or an http, https or file URL' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -s U -l proxy-user -d 'User and password for the (first) proxy' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l proxy-pass-file -d 'File whose first line is the password for the (first) proxy' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l netrc-file -d 'The same in another file' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l proxy-auth-command -d 'Command that says what to show to a proxy' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l proxy-auth -d 'Ways to authenticate that may be used: negotiate, ntlm, digest, basic, bearer' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -s H -l header -d 'Header field for the (first) proxy\'s request, \'Name: value\'' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l cacert -d 'Trust the certificate authorities in this PEM file, instead of the system\'s' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l pin -d 'Trust the proxy that holds this public key, and no other' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -s E -l cert -d 'Our certificate chain, for proxies that ask for one (PEM); with the key in it, or in --key' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l key -d 'The key of --cert (PEM)' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l sni -d 'Name to ask for, and to find in the certificate, instead of the proxy\'s host' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l tls-roots -d 'Authorities to trust where none is named: native, webpki or both' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -s w -l connect-timeout -d 'Seconds until the tunnel must be open; 0 for no limit' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l congestion -d 'What tells QUIC (h3) that the path is full: cubic (loss) or bbr (rate and delay)' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l resolve -d 'Address to use for a host and port instead of asking the resolver' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l inner-cacert -d 'Trust the certificate authorities in this PEM file for the target' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l inner-pin -d 'Trust the target that holds this public key, and no other' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l inner-cert -d 'Our certificate chain, for targets that ask for one (PEM); with the key in it, or in --inner-key' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l inner-key -d 'The key of --inner-cert (PEM)' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l inner-sni -d 'Name to ask for, and to find in the certificate, instead of the target\'s host' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l inner-alpn -d 'Protocols to offer the target (ALPN), such as h2,http/1.1' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l proxy-protocol -d 'Begin each tunnel with a PROXY header that tells the target who the client is: v1 or v2' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l proxy-protocol-from -d 'Load balancers that begin each connection with a PROXY header, version 1 or 2: ADDRESS[/LENGTH] or \'unix\'; repeatable' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l warm -d 'Sessions with an HTTP/2 proxy that are opened at start, before any client, and kept open' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l connections -d 'Sessions with an HTTP/2 proxy at the same time, at most' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -s i -l idle-timeout -d 'End a tunnel after this much silence both ways; off by default' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l drain -d 'How long live tunnels may go on after SIGTERM or SIGINT' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l no-proxy -d 'Use no proxy, whatever the environment says'
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l netrc -d 'Look for user and password of proxies in ~/.netrc'
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -s k -l insecure -d 'Trust any certificate of an https proxy'
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l inner-tls -d 'Speak TLS with the target, inside the tunnel'
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l inner-insecure -d 'Trust any certificate of the target'
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l explain -d 'Tell which way would be taken and why, and do nothing'
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -s v -l verbose -d 'Tell on stderr what happens; twice for more'
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -l json -d 'At the end, or on failure, one JSON object on stderr'
complete -c tuncat -n "__fish_tuncat_using_subcommand listen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -s l -l listen -d 'Where to listen: ADDRESS:PORT, PORT, *:PORT, unix:PATH or systemd:; repeatable' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l workers -d 'Threads with a listener of their own each (SO_REUSEPORT), instead of one for all threads' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l proxy-protocol-from -d 'Load balancers that begin each connection with a PROXY header, version 1 or 2: ADDRESS[/LENGTH] or \'unix\'; repeatable' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l via -d 'Carriers to answer, such as h2,h3 or post; all if not given' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l cert -d 'Speak TLS with this certificate chain (PEM)' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l key -d 'The certificate\'s key (PEM)' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l client-ca -d 'Serve only clients with a certificate of an authority in this PEM file; repeatable' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l auth -d 'A user who may use the proxy (Basic authentication); repeatable' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l auth-file -d 'File with one user a line: user:password, or as htpasswd writes it' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l allow-clients -d 'Client addresses to serve' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l allow -d 'A target that may be reached; repeatable' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l deny -d 'A target that may not be reached; repeatable' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l rules -d 'File with rules (TOML), also for single users; see below' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l forward -d 'Where every POST tunnel ends, whatever the request says; the rules hold for it too' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l proxy-protocol -d 'Begin each connection to a target with a PROXY header that says who the client is: v1 or v2' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l upstream -d 'Reach targets through another proxy: all that follows is options of \'connect\', such as -x URL' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l max-connections -d 'Connections at the same time; more wait until one ends' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l max-tunnels -d 'Tunnels at the same time [0: no limit]' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l max-tunnels-per-client -d 'Tunnels of one client at the same time [0: no limit]' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l max-rate -d 'Requests for tunnels of one client address in a second [0: no limit]' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l congestion -d 'What tells QUIC (h3) that the path is full: cubic (loss) or bbr (rate and delay)' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l max-streams -d 'Tunnels of one HTTP/2 session, or of one connection of HTTP/3, at the same time' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l max-header -d 'Bytes of a request\'s head' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l header-timeout -d 'From the beginning of a connection to the end of its request\'s head, in total' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l auth-timeout -d 'From the beginning of a connection to the first request with credentials that are right' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -s i -l idle-timeout -d 'End a tunnel after this much silence both ways; off by default' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l max-lifetime -d 'End a tunnel when it is so old; off by default' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l drain -d 'How long live tunnels may go on after SIGTERM' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l drain-delay -d 'After SIGTERM, go on accepting for so long while /readyz says no, so that load balancers notice' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l inner -d 'Read what is inside tunnels as this protocol: http (HTTP/1.1, and HTTP/2 with prior knowledge)' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l inner-allow -d 'A request that may be made: [METHODS ][HOST][/PATH]; repeatable' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l inner-deny -d 'A request that may not be made; repeatable' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l inner-header -d 'Header field to set on requests, \'Name: value\', or to take off, \'Name:\'; repeatable' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l inner-upgrade -d 'Upgrades, such as WebSocket: pass or refuse' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l inner-other -d 'What does not begin like HTTP: pass or refuse' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l admin -d 'Where /healthz, /readyz, /metrics (Prometheus) and /tunnels are: ADDRESS:PORT or unix:PATH' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l access-log -d 'File for a line about each tunnel that ended and each request that was refused; \'-\' is stdout' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l access-log-format -d 'Its lines: text (key=value) or json' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l reuse-port -d 'Let other processes of this user listen on the same ports (SO_REUSEPORT)'
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l check -d 'Find out whether all options and files can be used, and do nothing'
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l self-signed -d 'Speak TLS with a new certificate of our own; its pin, for --pin, is printed'
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l allow-builtin -d 'Offer the targets echo:, discard:, source:BYTES, http: and bench: also on addresses other than loopback'
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l allow-exec -d 'Run commands for clients: the targets exec:COMMAND'
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -s v -l verbose -d 'Tell on stderr what happens; twice for more'
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -l json -d 'At the end, or on failure, one JSON object on stderr'
complete -c tuncat -n "__fish_tuncat_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l target-is -d 'What HOST:PORT does with bytes [default: by port: 7 is echo, 9 is discard]' -r -f -a "bench\t''
echo\t''
discard\t''"
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -s x -l proxy -d 'Proxy to go through: http://, https://, h2c://, h3://, socks5h:// or embedded:' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l profile -d 'Profile to take options from' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l config -d 'File with profiles, instead of ~/.config/tuncat/config.toml' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l from-profile -d 'Where the way comes from, if it is a profile' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l via -d 'Carriers to use with the (last) proxy, in order of preference: auto, or h3, h2, h1, h3-post, h2-post, h1-post, post, ws' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l path -d 'Path of POST and WebSocket tunnels at the (last) proxy' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l pac -d 'Script that says which proxy is for what (PAC): a file, or an http, https or file URL' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -s U -l proxy-user -d 'User and password for the (first) proxy' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l proxy-pass-file -d 'File whose first line is the password for the (first) proxy' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l netrc-file -d 'The same in another file' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l proxy-auth-command -d 'Command that says what to show to a proxy' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l proxy-auth -d 'Ways to authenticate that may be used: negotiate, ntlm, digest, basic, bearer' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -s H -l header -d 'Header field for the (first) proxy\'s request, \'Name: value\'' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l cacert -d 'Trust the certificate authorities in this PEM file, instead of the system\'s' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l pin -d 'Trust the proxy that holds this public key, and no other' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -s E -l cert -d 'Our certificate chain, for proxies that ask for one (PEM); with the key in it, or in --key' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l key -d 'The key of --cert (PEM)' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l sni -d 'Name to ask for, and to find in the certificate, instead of the proxy\'s host' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l tls-roots -d 'Authorities to trust where none is named: native, webpki or both' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -s w -l connect-timeout -d 'Seconds until the tunnel must be open; 0 for no limit' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l congestion -d 'What tells QUIC (h3) that the path is full: cubic (loss) or bbr (rate and delay)' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l resolve -d 'Address to use for a host and port instead of asking the resolver' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -s m -l mode -d 'What to measure' -r -f -a "stream\t'Throughput, each way'
ping\t'Round trips of small messages'
open\t'Opening tunnels, by phase'
hold\t'Idle tunnels: memory and survivors'"
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l rate -d 'Pings, or opens, that are to begin per second, evenly spread (open loop)' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -s t -l time -d 'Measured time for each way and mode, over all rounds' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l rounds -d 'Rounds; in each of them every way has its turn' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -s O -l warm-up -d 'At the beginning of each turn, not measured' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -s P -l streams -d 'Tunnels at the same time, for streams, pings and opens' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -s n -l bytes -d 'Bytes of each stream and turn, instead of a time: 100M, 1G (powers of 1000), 64Ki, 1Gi (of 1024)' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l size -d 'Bytes of a ping' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l tunnels -d 'Idle tunnels to hold; 50 of a command' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l hold -d 'How long idle tunnels are held' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l compare -d 'Another proxy to measure beside; repeatable' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l endpoint -d 'A ready-made tunnel to the target, of whatever tool; repeatable' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l command -d 'A command whose stdin and stdout are a tunnel to the target; repeatable' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l watch -d 'A process whose CPU time and memory count, too; repeatable' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l server -d 'Be a target for others to measure with, and nothing else' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l html -d 'Write a page with charts to FILE, too' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l no-proxy -d 'Use no proxy, whatever the environment says'
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l netrc -d 'Look for user and password of proxies in ~/.netrc'
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -s k -l insecure -d 'Trust any certificate of an https proxy'
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l cold -d 'Open every tunnel over a connection of its own, instead of in a shared HTTP/2 session'
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l no-direct -d 'Do not measure the direct way'
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -l json -d 'Print everything as one JSON object instead of the table'
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -s v -l verbose -d 'Tell on stderr what happens; twice for more'
complete -c tuncat -n "__fish_tuncat_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l idle -d 'Leave tunnels alone for up to this time, and see whether they are cut' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l oracle -d 'Target that sends back what it gets, where the proxy cannot reach this machine: echo: behind \'tuncat serve\', or HOST:PORT' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -s x -l proxy -d 'Proxy to go through: http://, https://, h2c://, h3://, socks5h:// or embedded:' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l profile -d 'Profile to take options from' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l config -d 'File with profiles, instead of ~/.config/tuncat/config.toml' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l from-profile -d 'Where the way comes from, if it is a profile' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l via -d 'Carriers to use with the (last) proxy, in order of preference: auto, or h3, h2, h1, h3-post, h2-post, h1-post, post, ws' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l path -d 'Path of POST and WebSocket tunnels at the (last) proxy' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l pac -d 'Script that says which proxy is for what (PAC): a file, or an http, https or file URL' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -s U -l proxy-user -d 'User and password for the (first) proxy' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l proxy-pass-file -d 'File whose first line is the password for the (first) proxy' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l netrc-file -d 'The same in another file' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l proxy-auth-command -d 'Command that says what to show to a proxy' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l proxy-auth -d 'Ways to authenticate that may be used: negotiate, ntlm, digest, basic, bearer' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -s H -l header -d 'Header field for the (first) proxy\'s request, \'Name: value\'' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l cacert -d 'Trust the certificate authorities in this PEM file, instead of the system\'s' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l pin -d 'Trust the proxy that holds this public key, and no other' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -s E -l cert -d 'Our certificate chain, for proxies that ask for one (PEM); with the key in it, or in --key' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l key -d 'The key of --cert (PEM)' -r -F
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l sni -d 'Name to ask for, and to find in the certificate, instead of the proxy\'s host' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l tls-roots -d 'Authorities to trust where none is named: native, webpki or both' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l congestion -d 'What tells QUIC (h3) that the path is full: cubic (loss) or bbr (rate and delay)' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l resolve -d 'Address to use for a host and port instead of asking the resolver' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -s w -l connect-timeout -d 'Seconds for each probe; 0 for no limit' -r
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l tls -d 'Look at TARGET\'s certificate, whatever its port; without this on port 443 only'
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l eof -d 'See what becomes of ends and resets, in four tunnels for each way that opens'
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l direct -d 'Go to TARGET without the proxy too, and compare certificates'
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l no-proxy -d 'Use no proxy, whatever the environment says'
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l netrc -d 'Look for user and password of proxies in ~/.netrc'
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -s k -l insecure -d 'Trust any certificate of an https proxy'
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -l json -d 'The report as one JSON object on stdout'
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -s v -l verbose -d 'Tell on stderr what happens; twice for more'
complete -c tuncat -n "__fish_tuncat_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tuncat -n "__fish_tuncat_using_subcommand generate" -s h -l help -d 'Print help (see more with \'--help\')'
