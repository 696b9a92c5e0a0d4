# Written by go generate from the program's own table of commands.
complete -c cardea-tray -f
complete -c cardea-tray -l json -d 'print it as a JSON object, with all that it was built from, and end'
complete -c cardea-tray -x -l lang -d 'language, as a BCP 47 tag; the system\'s when empty'
complete -c cardea-tray -r -F -l socket -d 'meet the agent at this path instead of the user\'s own place'
complete -c cardea-tray -l status -d 'show the status window at once'
complete -c cardea-tray -l version -d 'print the version and end'
