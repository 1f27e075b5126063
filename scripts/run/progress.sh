# Messages of ./run, and one line of progress that is rewritten in place. Where CI is set or stderr is no terminal, the
# tools' own lines appear instead.
live() { [[ -t 2 && ${TERM:-dumb} != dumb && (-z ${CI:-} || $CI == false) ]]; }

say() { clear_progress; printf '%s\n' "run: $*" >&2; }
die() { say "$*"; exit 2; }

progress() {
  live || return 0
  local columns
  columns=$(tput cols 2>/dev/null) || columns=80
  local text="run: $*"
  printf '\r\033[K%s' "${text:0:$((columns - 1))}" >&2
}
clear_progress() { live && printf '\r\033[K' >&2 || true; }

# duration SECONDS: 95 -> 1 min 35 s
duration() {
  if (($1 < 60)); then
    echo "$1 s"
  else
    echo "$(($1 / 60)) min $(($1 % 60)) s"
  fi
}

# stage TEXT: begins the next of `stages` steps of a command.
stage_number=0
stages=0
stage() {
  stage_number=$((stage_number + 1))
  stage_text="[$stage_number/$stages] $*"
  say "$stage_text"
}

# quietly LOG COMMAND...: the command's output goes to the log, and to the terminal when it fails.
quietly() {
  local log=$1 status=0
  shift
  live || { "$@" >&2; return; }
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 || status=$?
  clear_progress
  ((status == 0)) || { tail -n 60 "$log" >&2; say "failed ($*); the whole output: $log"; }
  return $status
}

# ninja_progress NAME: reads ninja's output, whose status is `@finished total elapsed@`. Lines that are no status, such as
# a compiler's messages, are printed.
ninja_status='@%f %t %e@ '
ninja_progress() {
  local name=$1 line finished total elapsed left
  while IFS= read -r line; do
    if [[ $line =~ ^@([0-9]+)\ ([0-9]+)\ ([0-9]+)[.0-9]*@\  ]]; then
      finished=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]} elapsed=${BASH_REMATCH[3]}
      left="time left: not known yet"
      if ((finished > 2 && elapsed > 5)); then
        left="about $(duration $((elapsed * (total - finished) / finished))) left"
      fi
      progress "$name: $finished of $total steps ($((100 * finished / total)) %), $(duration "$elapsed") so far, $left"
    elif [[ $line != "ninja: no work to do." && $line != "ninja: Entering directory"* ]]; then
      clear_progress
      printf '%s\n' "$line" >&2
    fi
  done
  clear_progress
}
