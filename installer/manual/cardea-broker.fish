# Written by go generate from the program's own table of commands.
complete -c cardea-broker -f
complete -c cardea-broker -l json -d 'say it as a JSON object, with all that it was built from'
complete -c cardea-broker -x -l listen -d 'loopback address and port for pages; both families are served (default 127.0.0.1:24747)'
complete -c cardea-broker -r -F -l socket -d 'where agents dial, a path (default /run/cardea/broker.sock)'
complete -c cardea-broker -l version -d 'say which version this is'
