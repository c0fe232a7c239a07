
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'tuncat' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'tuncat'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'tuncat' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('connect', 'connect', [CompletionResultType]::ParameterValue, 'Carry stdin and stdout through one tunnel')
            [CompletionResult]::new('listen', 'listen', [CompletionResultType]::ParameterValue, 'Carry connections to local ports through tunnels')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Run a small terminating proxy')
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Measure tunnels: throughput, round trips, set-up, idle cost')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Tell what a proxy permits, and why something fails')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Write man pages or shell completions')
            break
        }
        'tuncat;connect' {
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Proxy to go through: http://, https://, h2c://, socks5h:// or embedded:')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Proxy to go through: http://, https://, h2c://, socks5h:// or embedded:')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'Carriers to use with the (last) proxy, in order of preference: h2, h1, h2-post, h1-post, post')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'Path of POST tunnels at the (last) proxy')
            [CompletionResult]::new('-U', '-U ', [CompletionResultType]::ParameterName, 'User and password for the (first) proxy')
            [CompletionResult]::new('--proxy-user', '--proxy-user', [CompletionResultType]::ParameterName, 'User and password for the (first) proxy')
            [CompletionResult]::new('--proxy-pass-file', '--proxy-pass-file', [CompletionResultType]::ParameterName, 'File whose first line is the password for the (first) proxy')
            [CompletionResult]::new('--proxy-auth', '--proxy-auth', [CompletionResultType]::ParameterName, 'Ways to authenticate that may be used: negotiate, ntlm, digest, basic, bearer')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Header field for the (first) proxy''s request, ''Name: value''')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Header field for the (first) proxy''s request, ''Name: value''')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Trust the certificate authorities in this PEM file, instead of the system''s')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'Trust the proxy that holds this public key, and no other')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Seconds until the tunnel must be open; 0 for no limit')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'Seconds until the tunnel must be open; 0 for no limit')
            [CompletionResult]::new('--resolve', '--resolve', [CompletionResultType]::ParameterName, 'Address to use for a host and port instead of asking the resolver')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'End after this much silence both ways; off by default')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'End after this much silence both ways; off by default')
            [CompletionResult]::new('--fin-delay', '--fin-delay', [CompletionResultType]::ParameterName, 'How long the far side must be quiet before the FIN is sent through a proxy that may answer it by closing both ways')
            [CompletionResult]::new('--no-proxy', '--no-proxy', [CompletionResultType]::ParameterName, 'Use no proxy, whatever the environment says')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Trust any certificate of an https proxy')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Trust any certificate of an https proxy')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('-N', '-N ', [CompletionResultType]::ParameterName, 'At the end of stdin send the FIN at once, whatever the proxy does with it')
            [CompletionResult]::new('--fin-now', '--fin-now', [CompletionResultType]::ParameterName, 'At the end of stdin send the FIN at once, whatever the proxy does with it')
            [CompletionResult]::new('-z', '-z', [CompletionResultType]::ParameterName, 'Only open the tunnel and close it: the exit code tells whether that works')
            [CompletionResult]::new('--zero-io', '--zero-io', [CompletionResultType]::ParameterName, 'Only open the tunnel and close it: the exit code tells whether that works')
            [CompletionResult]::new('--fdpass', '--fdpass', [CompletionResultType]::ParameterName, 'Give the tunnel''s socket to the process at the other end of stdout, and leave')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell on stderr what happens; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell on stderr what happens; twice for more')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'At the end, or on failure, one JSON object on stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'tuncat;listen' {
            [CompletionResult]::new('-L', '-L ', [CompletionResultType]::ParameterName, 'Local end and target: [BIND:]PORT:HOST:HOSTPORT, as with ssh -L; repeatable')
            [CompletionResult]::new('--local', '--local', [CompletionResultType]::ParameterName, 'Local end and target: [BIND:]PORT:HOST:HOSTPORT, as with ssh -L; repeatable')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Proxy to go through: http://, https://, h2c://, socks5h:// or embedded:')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Proxy to go through: http://, https://, h2c://, socks5h:// or embedded:')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'Carriers to use with the (last) proxy, in order of preference: h2, h1, h2-post, h1-post, post')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'Path of POST tunnels at the (last) proxy')
            [CompletionResult]::new('-U', '-U ', [CompletionResultType]::ParameterName, 'User and password for the (first) proxy')
            [CompletionResult]::new('--proxy-user', '--proxy-user', [CompletionResultType]::ParameterName, 'User and password for the (first) proxy')
            [CompletionResult]::new('--proxy-pass-file', '--proxy-pass-file', [CompletionResultType]::ParameterName, 'File whose first line is the password for the (first) proxy')
            [CompletionResult]::new('--proxy-auth', '--proxy-auth', [CompletionResultType]::ParameterName, 'Ways to authenticate that may be used: negotiate, ntlm, digest, basic, bearer')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Header field for the (first) proxy''s request, ''Name: value''')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Header field for the (first) proxy''s request, ''Name: value''')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Trust the certificate authorities in this PEM file, instead of the system''s')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'Trust the proxy that holds this public key, and no other')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Seconds until the tunnel must be open; 0 for no limit')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'Seconds until the tunnel must be open; 0 for no limit')
            [CompletionResult]::new('--resolve', '--resolve', [CompletionResultType]::ParameterName, 'Address to use for a host and port instead of asking the resolver')
            [CompletionResult]::new('--warm', '--warm', [CompletionResultType]::ParameterName, 'Sessions with an HTTP/2 proxy that are opened at start, before any client, and kept open')
            [CompletionResult]::new('--connections', '--connections', [CompletionResultType]::ParameterName, 'Sessions with an HTTP/2 proxy at the same time, at most')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'End a tunnel after this much silence both ways; off by default')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'End a tunnel after this much silence both ways; off by default')
            [CompletionResult]::new('--drain', '--drain', [CompletionResultType]::ParameterName, 'How long live tunnels may go on after SIGTERM or SIGINT')
            [CompletionResult]::new('--no-proxy', '--no-proxy', [CompletionResultType]::ParameterName, 'Use no proxy, whatever the environment says')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Trust any certificate of an https proxy')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Trust any certificate of an https proxy')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell on stderr what happens; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell on stderr what happens; twice for more')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'At the end, or on failure, one JSON object on stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'tuncat;serve' {
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Where to listen: ADDRESS:PORT, PORT, *:PORT or unix:PATH; repeatable')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Where to listen: ADDRESS:PORT, PORT, *:PORT or unix:PATH; repeatable')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Speak TLS with this certificate chain (PEM)')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'The certificate''s key (PEM)')
            [CompletionResult]::new('--auth', '--auth', [CompletionResultType]::ParameterName, 'A user who may use the proxy (Basic authentication); repeatable')
            [CompletionResult]::new('--auth-file', '--auth-file', [CompletionResultType]::ParameterName, 'File with one user:password a line')
            [CompletionResult]::new('--allow-clients', '--allow-clients', [CompletionResultType]::ParameterName, 'Client addresses to serve')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'A target that may be reached; repeatable')
            [CompletionResult]::new('--deny', '--deny', [CompletionResultType]::ParameterName, 'A target that may not be reached; repeatable')
            [CompletionResult]::new('--forward', '--forward', [CompletionResultType]::ParameterName, 'Where every POST tunnel ends, whatever the request says; the rules hold for it too')
            [CompletionResult]::new('--drain', '--drain', [CompletionResultType]::ParameterName, 'How long live tunnels may go on after SIGTERM')
            [CompletionResult]::new('--self-signed', '--self-signed', [CompletionResultType]::ParameterName, 'Speak TLS with a new certificate of our own; its pin, for --pin, is printed')
            [CompletionResult]::new('--allow-builtin', '--allow-builtin', [CompletionResultType]::ParameterName, 'Offer the targets echo:, discard:, source:BYTES and bench: also on addresses other than loopback')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell on stderr what happens; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell on stderr what happens; twice for more')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'At the end, or on failure, one JSON object on stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'tuncat;bench' {
            [CompletionResult]::new('--target-is', '--target-is', [CompletionResultType]::ParameterName, 'What HOST:PORT does with bytes [default: by port: 7 is echo, 9 is discard]')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Proxy to go through: http://, https://, h2c://, socks5h:// or embedded:')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Proxy to go through: http://, https://, h2c://, socks5h:// or embedded:')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'Carriers to use with the (last) proxy, in order of preference: h2, h1, h2-post, h1-post, post')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'Path of POST tunnels at the (last) proxy')
            [CompletionResult]::new('-U', '-U ', [CompletionResultType]::ParameterName, 'User and password for the (first) proxy')
            [CompletionResult]::new('--proxy-user', '--proxy-user', [CompletionResultType]::ParameterName, 'User and password for the (first) proxy')
            [CompletionResult]::new('--proxy-pass-file', '--proxy-pass-file', [CompletionResultType]::ParameterName, 'File whose first line is the password for the (first) proxy')
            [CompletionResult]::new('--proxy-auth', '--proxy-auth', [CompletionResultType]::ParameterName, 'Ways to authenticate that may be used: negotiate, ntlm, digest, basic, bearer')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Header field for the (first) proxy''s request, ''Name: value''')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Header field for the (first) proxy''s request, ''Name: value''')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Trust the certificate authorities in this PEM file, instead of the system''s')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'Trust the proxy that holds this public key, and no other')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Seconds until the tunnel must be open; 0 for no limit')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'Seconds until the tunnel must be open; 0 for no limit')
            [CompletionResult]::new('--resolve', '--resolve', [CompletionResultType]::ParameterName, 'Address to use for a host and port instead of asking the resolver')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'What to measure')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'What to measure')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Pings, or opens, that are to begin per second, evenly spread (open loop)')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Measured time for each way and mode, over all rounds')
            [CompletionResult]::new('--time', '--time', [CompletionResultType]::ParameterName, 'Measured time for each way and mode, over all rounds')
            [CompletionResult]::new('--rounds', '--rounds', [CompletionResultType]::ParameterName, 'Rounds; in each of them every way has its turn')
            [CompletionResult]::new('-O', '-O ', [CompletionResultType]::ParameterName, 'At the beginning of each turn, not measured')
            [CompletionResult]::new('--warm-up', '--warm-up', [CompletionResultType]::ParameterName, 'At the beginning of each turn, not measured')
            [CompletionResult]::new('-P', '-P ', [CompletionResultType]::ParameterName, 'Tunnels at the same time, for streams, pings and opens')
            [CompletionResult]::new('--streams', '--streams', [CompletionResultType]::ParameterName, 'Tunnels at the same time, for streams, pings and opens')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Bytes of each stream and turn, instead of a time: 100M, 1G (powers of 1000), 64Ki, 1Gi (of 1024)')
            [CompletionResult]::new('--bytes', '--bytes', [CompletionResultType]::ParameterName, 'Bytes of each stream and turn, instead of a time: 100M, 1G (powers of 1000), 64Ki, 1Gi (of 1024)')
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'Bytes of a ping')
            [CompletionResult]::new('--tunnels', '--tunnels', [CompletionResultType]::ParameterName, 'Idle tunnels to hold; 50 of a command')
            [CompletionResult]::new('--hold', '--hold', [CompletionResultType]::ParameterName, 'How long idle tunnels are held')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Another proxy to measure beside; repeatable')
            [CompletionResult]::new('--endpoint', '--endpoint', [CompletionResultType]::ParameterName, 'A ready-made tunnel to the target, of whatever tool; repeatable')
            [CompletionResult]::new('--command', '--command', [CompletionResultType]::ParameterName, 'A command whose stdin and stdout are a tunnel to the target; repeatable')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'A process whose CPU time and memory count, too; repeatable')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Be a target for others to measure with, and nothing else')
            [CompletionResult]::new('--html', '--html', [CompletionResultType]::ParameterName, 'Write a page with charts to FILE, too')
            [CompletionResult]::new('--no-proxy', '--no-proxy', [CompletionResultType]::ParameterName, 'Use no proxy, whatever the environment says')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Trust any certificate of an https proxy')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Trust any certificate of an https proxy')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--cold', '--cold', [CompletionResultType]::ParameterName, 'Open every tunnel over a connection of its own, instead of in a shared HTTP/2 session')
            [CompletionResult]::new('--no-direct', '--no-direct', [CompletionResultType]::ParameterName, 'Do not measure the direct way')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print everything as one JSON object instead of the table')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell on stderr what happens; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell on stderr what happens; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'tuncat;doctor' {
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'Leave tunnels alone for up to this time, and see whether they are cut')
            [CompletionResult]::new('--oracle', '--oracle', [CompletionResultType]::ParameterName, 'Target that sends back what it gets, where the proxy cannot reach this machine: echo: behind ''tuncat serve'', or HOST:PORT')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Proxy to go through: http://, https://, h2c://, socks5h:// or embedded:')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Proxy to go through: http://, https://, h2c://, socks5h:// or embedded:')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'Carriers to use with the (last) proxy, in order of preference: h2, h1, h2-post, h1-post, post')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'Path of POST tunnels at the (last) proxy')
            [CompletionResult]::new('-U', '-U ', [CompletionResultType]::ParameterName, 'User and password for the (first) proxy')
            [CompletionResult]::new('--proxy-user', '--proxy-user', [CompletionResultType]::ParameterName, 'User and password for the (first) proxy')
            [CompletionResult]::new('--proxy-pass-file', '--proxy-pass-file', [CompletionResultType]::ParameterName, 'File whose first line is the password for the (first) proxy')
            [CompletionResult]::new('--proxy-auth', '--proxy-auth', [CompletionResultType]::ParameterName, 'Ways to authenticate that may be used: negotiate, ntlm, digest, basic, bearer')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Header field for the (first) proxy''s request, ''Name: value''')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Header field for the (first) proxy''s request, ''Name: value''')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Trust the certificate authorities in this PEM file, instead of the system''s')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'Trust the proxy that holds this public key, and no other')
            [CompletionResult]::new('--resolve', '--resolve', [CompletionResultType]::ParameterName, 'Address to use for a host and port instead of asking the resolver')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Seconds for each probe; 0 for no limit')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'Seconds for each probe; 0 for no limit')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'Look at TARGET''s certificate, whatever its port; without this on port 443 only')
            [CompletionResult]::new('--eof', '--eof', [CompletionResultType]::ParameterName, 'See what becomes of ends and resets, in four tunnels for each way that opens')
            [CompletionResult]::new('--direct', '--direct', [CompletionResultType]::ParameterName, 'Go to TARGET without the proxy too, and compare certificates')
            [CompletionResult]::new('--no-proxy', '--no-proxy', [CompletionResultType]::ParameterName, 'Use no proxy, whatever the environment says')
            [CompletionResult]::new('-k', '-k', [CompletionResultType]::ParameterName, 'Trust any certificate of an https proxy')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Trust any certificate of an https proxy')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Use IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Use IPv6 only')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'The report as one JSON object on stdout')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell on stderr what happens; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell on stderr what happens; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'tuncat;generate' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
