"""The Electrum protocol, versions 1.4 to 1.6, over the same queries as the pages."""
