import "./htmx";
import { installArrivals } from "./arrivals";
import { installCopying } from "./copy";
import { installKeyboard } from "./keyboard";
import { followLive } from "./live";
import { installMenus } from "./menus";
import { installSignOut } from "./other_tabs";
import { installSearch } from "./search";
import { installTimes } from "./times";

document.documentElement.classList.add("js");
installTimes();
installArrivals();
installCopying();
installKeyboard();
installMenus();
installSearch();
installSignOut();
followLive();
