"""The desktop's layer: the programs that `e2b_desktop` calls, a small XFCE, and noVNC.

What it calls was read from `e2b_desktop/main.py`: Xvfb, xdpyinfo, startxfce4 (with xfce4-session, xfwm4, xfdesktop),
xdotool, scrot, xrandr, xdg-open, gtk-launch, x11vnc, netstat, pgrep, and `/opt/noVNC/utils/novnc_proxy`. Chromium is
for the addresses that its `open` is given.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from runner.embedded.e2b.setup import merged
from runner.embedded.e2b.setup.debian import Debian, Say
from runner.embedded.e2b.setup.shelf import Package

PACKAGES = (
    "xvfb", "xfce4-session", "xfwm4", "xfdesktop4", "xfce4-panel", "xfce4-terminal", "xfce4-settings", "thunar",
    "mousepad", "x11-utils", "x11-xserver-utils", "x11vnc", "xdotool", "scrot", "xclip", "xdg-utils", "libgtk-3-bin",
    "dbus-x11", "net-tools", "procps", "fonts-dejavu-core", "adwaita-icon-theme", "shared-mime-info", "fontconfig",
    "desktop-file-utils", "librsvg2-common", "libglib2.0-bin", "chromium",
)  # fmt: skip
#: Only its files: of what it depends on, our own proxy stands for the larger part.
_PLAIN = ("novnc",)
_WASTE = (
    "usr/share/locale",
    "usr/share/man",
    "usr/share/lintian",
    "usr/share/help",
    "usr/share/gtk-doc",
    "usr/share/bug",
)

_PROXY = """#!/bin/sh
exec python3 -c 'import sys; sys.path[:1] = ["/opt/runner/lib"]; from box.novnc import main; main()' "$@"
"""
#: What the packages' own scripts would do on installation, as far as a desktop notices.
_FINISH = """set -e
glib-compile-schemas /usr/share/glib-2.0/schemas
update-mime-database /usr/share/mime
update-desktop-database -q /usr/share/applications
for loaders in /usr/lib/*/gdk-pixbuf-2.0/gdk-pixbuf-query-loaders; do "$loaders" --update-cache; done
for theme in Adwaita hicolor; do gtk-update-icon-cache -q -f /usr/share/icons/$theme || true; done
fc-cache -s
mkdir -p /etc/alternatives
while read -r name program; do
    ln -sf "$program" "/etc/alternatives/$name"
    ln -sf "/etc/alternatives/$name" "/usr/bin/$name"
done <<END
x-terminal-emulator /usr/bin/xfce4-terminal.wrapper
x-session-manager /usr/bin/xfce4-session
x-window-manager /usr/bin/xfwm4
x-www-browser /usr/bin/chromium
END
"""
#: What the script writes into. Where an ordinary user makes the layer, the host's folders stay the host's root's: the
#: layer needs its own of the same names.
_WRITTEN = (
    "usr/bin", "usr/share/mime", "usr/share/applications", "usr/share/glib-2.0/schemas", "usr/share/icons/Adwaita",
    "usr/share/icons/hicolor", "var/cache/fontconfig", "etc/alternatives", "etc/chromium.d",
)  # fmt: skip
_DEFAULTS = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfwm4" version="1.0">
  <property name="general" type="empty">
    <property name="use_compositing" type="bool" value="false"/>
    <property name="vblank_mode" type="string" value="off"/>
    <property name="workspace_count" type="int" value="1"/>
  </property>
</channel>
"""


#: Chromium's own walls are namespaces, which no program in a box may make: the box is its wall. And a person who has
#: never used it is asked nothing.
_BROWSER = """CHROMIUM_FLAGS="$CHROMIUM_FLAGS --no-sandbox --test-type --no-first-run --no-default-browser-check"
"""

#: Goes before noVNC's own scripts. A page of another site that frames it may be denied storage, without which noVNC
#: does not start; and where the page does not lie at the top of its host, nor does its web socket.
_PAGE = """<script>
try { window.localStorage; } catch (denied) {
  const kept = {};
  Object.defineProperty(window, 'localStorage', {value: {
    getItem: (name) => name in kept ? kept[name] : null,
    setItem: (name, value) => { kept[name] = String(value); },
    removeItem: (name) => { delete kept[name]; },
  }});
}
const folder = location.pathname.replace(/[^/]*$/, '').slice(1);
const query = new URLSearchParams(location.search);
if (folder && !query.has('path')) {
  query.set('path', folder + 'websockify');
  history.replaceState(null, '', '?' + query + location.hash);
}
</script>
"""
#: What the layer is made by: another text makes another layer.
RECIPE = "\n".join(("4", *PACKAGES, *_PLAIN, _PROXY, _FINISH, _DEFAULTS, _BROWSER, _PAGE))


def make(layer: Path, work: Path, say: Say) -> tuple[list[Package], list[str]]:
    """Make the layer; its packages, and the host's that it builds upon. Raises ServiceError, SandboxMissing."""
    debian = Debian(work / "apt", say)
    debian.update()
    missing, borrowed = debian.closure(PACKAGES)
    packages = debian.unpack(debian.fetch([*missing, *_PLAIN]), layer)
    for name in _WASTE:
        shutil.rmtree(layer / name, ignore_errors=True)
    _keep_licences(layer / "usr/share/doc")
    say("finishing the desktop's caches")
    _dress(layer)
    scratch = work / "scratch"
    scratch.mkdir(exist_ok=True)
    merged.run(_FINISH, layer, scratch)
    return packages, borrowed


def _keep_licences(folder: Path) -> None:
    """Of the packages' documents only what says under which licence they are."""
    for place, _, names in os.walk(folder):
        for name in names:
            if name != "copyright":
                Path(place, name).unlink()


def _dress(layer: Path) -> None:
    novnc = layer / "opt" / "noVNC"
    (novnc / "utils").mkdir(parents=True)
    for each in (layer / "usr/share/novnc").iterdir():
        if each.name not in ("utils", "tests", "index.html", "vnc.html"):
            (novnc / each.name).symlink_to(f"/usr/share/novnc/{each.name}")
    page = (layer / "usr/share/novnc/vnc.html").read_text()
    (novnc / "vnc.html").write_text(page.replace("<head>", "<head>\n" + _PAGE, 1))
    (novnc / "index.html").symlink_to("vnc.html")
    proxy = novnc / "utils" / "novnc_proxy"
    proxy.write_text(_PROXY)
    proxy.chmod(0o755)
    loaders = [str(each.parent)[1:] for each in Path("/usr/lib").glob("*/gdk-pixbuf-2.0/*/loaders.cache")]
    for name in (*_WRITTEN, *loaders):
        for place, *_ in os.walk(Path("/", name)):
            (layer / place[1:]).mkdir(parents=True, exist_ok=True)
    # dbus refuses to work without one.
    (layer / "etc").mkdir(exist_ok=True)
    (layer / "etc" / "machine-id").write_text(secrets.token_hex(16) + "\n")
    settings = layer / "etc/xdg/xfce4/xfconf/xfce-perchannel-xml"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "xfwm4.xml").write_text(_DEFAULTS)
    (layer / "etc/chromium.d/runner").write_text(_BROWSER)
