# shellcheck shell=bash
# Written by go generate from the program's own table of commands.
_cardea_broker() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  case $before in
    --socket)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return
      ;;
    --listen) return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "--json --listen --socket --version" -- "$word")
}
complete -F _cardea_broker cardea-broker
