# Has an interactive zsh complete a line, and writes what it offers to a file.
#
#   zsh -f complete.zsh FOLDER FILE LINE
#
# FOLDER has the functions, and gets what zsh learnt of all it has.
zmodload zsh/zpty
zpty shell zsh -f -i
# Not typed at the prompt, but read from a file: the line editor may not be there yet.
cat >$2.rc <<END
PROMPT=
fpath=($1 \$fpath)
autoload -U compinit
compinit -u -d $1/zcompdump
unsetopt zle_bracketed_paste 2>/dev/null
compadd() {
  local -a offered
  # With one of these it fills lists, and offers nothing yet.
  if [[ \${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
    builtin compadd -A offered "\$@"
    print -rl -- \$offered >>$2
  fi
  builtin compadd "\$@"
}
finish() { kill -KILL \$\$ }
comppostfuncs=(finish)
bindkey '^I' complete-word
END
zpty -w shell "source $2.rc"
zpty -w -n shell "$3"$'\t'
while zpty -r shell answer; do :; done
