import "./htmx";
import { installArrivals } from "./arrivals";
import { installCopying } from "./copy";
import { installKeyboard } from "./keyboard";
import { installLive } from "./live";
import { installMenus } from "./menus";
import { installSearch } from "./search";
import { installTimes } from "./times";

document.documentElement.classList.add("js");
installTimes();
installArrivals();
installCopying();
installKeyboard();
installMenus();
installSearch();
installLive();
