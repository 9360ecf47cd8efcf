// The wallet's side of the page: everything of the explorer, and what wallet pages add. Each module
// below registers its pages by itself.
import "../main";
import "./add_account";
import { installAutolock } from "./autolock";
import "./backup";
import "./clock";
import "./create";
import "./draft";
import "./import";
import "./lock_state";
import "./lock_time";
import "./messages";
import { installNavigation } from "./navigation";
import { installPages } from "./pages";
import "./receive";
import "./restore";
import "./send";
import "./storage";

installAutolock();
installNavigation();
installPages();
