# Shared by run and test (sourced, bash): what they install and how they configure and build.
# Everything written here goes to standard error: standard output belongs to the caller's result.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/dev

# To build the programs.
build_packages=(
  g++ lld cmake ninja-build pkg-config
  libboost-dev libssl-dev libsodium-dev libsqlcipher-dev libpq-dev libnftables-dev libmnl-dev
  nlohmann-json3-dev libtomlplusplus-dev libspdlog-dev libcli11-dev libexpected-dev
  zlib1g-dev libbz2-dev libcurl4-openssl-dev
)
# What is built without where the distribution does not have it: netpas-dht.
optional_packages=(libopendht-dev)
# To run the lab and the story: namespaces and queues, a file server, a player and what makes its film, routers that speak BGP.
lab_packages=(curl iproute2 iputils-ping nftables procps nginx-light ffmpeg mpv bird2 babeld)
# To run the tests and the benchmark besides.
test_packages=(clang-format-14 tshark jq iperf3 wireguard-go wireguard-tools bgpdump gobgpd python3-scapy python3-behave python3-jsonschema python3-yaml openssl postgresql xvfb xdotool dbus-daemon chromium vlc-bin vlc-plugin-base vlc-plugin-qt vlc-plugin-video-output ccache zsh fish)
# The window: Qt 6, and what makes its translations part of it. `run` installs them where there is a display to show it on.
window_packages=(qt6-base-dev qt6-l10n-tools qt6-translations-l10n)
# For `test --long` only.
long_packages=(clang clang-tidy libclang-rt-14-dev)

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The lab needs namespaces, TUN devices and packet filters of its own: nothing less than root makes those.
require_root() {
  [ "$(id -u)" -eq 0 ] || die "$1 makes network namespaces of its own, so it needs root: sudo $1 (without sudo: su -c $1)"
}

require_debian() {
  local ID='' ID_LIKE='' VERSION_ID=''
  [ -r /etc/os-release ] && . /etc/os-release
  debian_version=$VERSION_ID
  case " $ID $ID_LIKE " in *" debian "*) return ;; esac
  [ "${NETPAS_SKIP_PACKAGES:-}" = 1 ] && return
  say "This sets itself up on Debian 12; here is ${ID:-an unknown system}."
  say "Install the equivalents of these packages, then run it again with NETPAS_SKIP_PACKAGES=1:"
  die "  $*"
}

require_tun_device() {
  [ -e /dev/net/tun ] && return
  modprobe tun 2>/dev/null || true
  [ -e /dev/net/tun ] || die "/dev/net/tun is missing: load the kernel's tun module (modprobe tun) or give the container the device."
}

missing_packages() {
  local name
  for name; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
  done
}

# Installs what is missing and touches neither apt nor the network when nothing is.
install_packages() {
  [ "${NETPAS_SKIP_PACKAGES:-}" = 1 ] && return
  local missing log policy
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -eq 0 ] && return
  say "Installing ${#missing[@]} packages: ${missing[*]}"
  log=$(mktemp)
  # Packages that bring a service (nginx) must not start it here: the lab runs its own inside namespaces.
  policy=
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  if ! { DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 update &&
         DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
           install --no-install-recommends "${missing[@]}"; } </dev/null >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    die "apt-get could not install these packages; its whole output is in $log."
  fi
  rm -f "$log"
  if [ -n "$policy" ]; then
    rm -f "$policy"
    trap - EXIT
  fi
  # ... nor at the next boot, unless it was there before we came.
  local pair
  for pair in nginx-light:nginx postgresql:postgresql bird2:bird babeld:babeld gobgpd:gobgpd; do
    case " ${missing[*]} " in *" ${pair%:*} "*) update-rc.d "${pair#*:}" disable >/dev/null 2>&1 || true ;; esac
  done
}

# Of these, what this distribution has.
available_packages() {
  local name
  [ "${NETPAS_SKIP_PACKAGES:-}" = 1 ] && return
  for name; do
    [ -n "$(missing_packages "$name")" ] || { echo "$name"; continue; }
    # The lists may never have been fetched here.
    apt-cache show "$name" >/dev/null 2>&1 || apt-get -q -y update >/dev/null 2>&1 </dev/null || true
    apt-cache show "$name" >/dev/null 2>&1 && echo "$name"
  done
}

# The users that agent and secretary run as once they have what they need of root, and the group of who may use them. With both
# users missing netpasd still runs, as root without root's capabilities, and says so.
create_users() {
  local name
  getent group netpas >/dev/null || groupadd --system netpas || return 0
  for name in netpas netpas-secretary netpas-payee; do
    getent passwd "$name" >/dev/null && continue
    say "Creating the system user $name"
    local group=(--gid netpas)
    # The secretary and a payee are in no group with anybody.
    [ "$name" != netpas ] && group=(--user-group)
    useradd --system "${group[@]}" --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin "$name" ||
      say "The user $name could not be created: netpasd will run as root without root's capabilities."
  done
}

# configure ON|OFF: with or without the tests. One build folder serves both commands, so that the
# programs are compiled once; a folder already configured with tests keeps them.
configure() {
  local tests=$1 werror=OFF arguments
  # The compiler that the project is developed with must be silent; a newer one may know newer warnings.
  [ "${debian_version:-}" = 12 ] && werror=ON
  grep -qs '^NETPAS_TESTS:BOOL=ON' "$build/CMakeCache.txt" && tests=ON
  arguments=(-S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo
    "-DNETPAS_TESTS=$tests" "-DNETPAS_WERROR=$werror")
  command -v ccache >/dev/null && arguments+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  say "Configuring $build"
  cmake "${arguments[@]}" >/dev/null || die "cmake could not configure the project."
}

compile() {
  say "Building ${*:-everything}"
  if [ -t 2 ]; then
    ninja -C "$build" "$@" >&2
  else
    ninja -C "$build" --quiet "$@" >&2
  fi || die "The build failed."
}

# So that the commands of the README work as they are written: links in /usr/local/bin to the programs just built. What
# somebody else put there stays. NETPAS_NO_LINKS=1 leaves the folder alone.
link_programs() {
  local program link
  [ "${NETPAS_NO_LINKS:-}" = 1 ] && return
  for program in bin/{netpas,netpasd,netpas-isp,netpas-lab,netpas-payee,netpas-secretary} tests/{netpas-secretary-sim,netpas-secretary-population}; do
    [ -e "$build/$program" ] || continue
    link=/usr/local/bin/${program##*/}
    if [ -L "$link" ] || [ ! -e "$link" ]; then
      ln -sfn "$build/$program" "$link" 2>/dev/null || return 0
    fi
  done
}
