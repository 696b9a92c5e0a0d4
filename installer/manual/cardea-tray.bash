# shellcheck shell=bash
# Written by go generate from the program's own table of commands.
_cardea_tray() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  case $before in
    --socket)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return
      ;;
    --lang) return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "--json --lang --socket --status --version" -- "$word")
}
complete -F _cardea_tray cardea-tray
