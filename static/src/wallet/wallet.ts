// The wallet's side of the page: everything of the explorer, and what wallet pages add. Each module
// below registers its pages by itself.
import "../main";
import { installAutolock } from "./autolock";
import "./lock_state";
import { installNavigation } from "./navigation";
import { installPages } from "./pages";

installAutolock();
installNavigation();
installPages();
