//! Which modules of the crate's root a file names: in imports, in paths, within macros.

use super::{place, tokens};
use std::collections::BTreeSet;
use syn::UseTree;
use syn::visit::{self, Visit};

pub fn modules_used(file: &str, source: &str) -> BTreeSet<String> {
    let mut uses = Uses {
        place: place(file),
        modules: BTreeSet::new(),
    };
    uses.visit_file(&syn::parse_file(source).unwrap_or_else(|e| panic!("{file}: {e}")));
    uses.modules
}

struct Uses {
    place: Vec<String>,
    modules: BTreeSet<String>,
}

impl Uses {
    /// A path as written at this place; a name that does not begin with `crate`, `self` or `super` is somebody else's.
    fn path(&mut self, path: &[String]) {
        let mut at = match path.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("self" | "super") => self.place.clone(),
            _ => return,
        };
        for part in path {
            match part.as_str() {
                "crate" | "self" => {}
                "super" => drop(at.pop()),
                name => at.push(name.to_owned()),
            }
        }
        self.modules.extend(at.into_iter().next());
    }

    fn tree(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&path.tree, &with(path.ident.to_string())),
            UseTree::Name(name) => self.path(&with(name.ident.to_string())),
            UseTree::Rename(rename) => self.path(&with(rename.ident.to_string())),
            UseTree::Glob(_) => self.path(&with("*".into())),
            UseTree::Group(group) => group.items.iter().for_each(|t| self.tree(t, before)),
        }
    }
}

impl<'a> Visit<'a> for Uses {
    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        self.tree(&item.tree, &[]);
    }

    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        self.place.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.place.pop();
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let segments = path.segments.iter().map(|s| s.ident.to_string());
        self.path(&segments.collect::<Vec<_>>());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'a syn::Macro) {
        for rest in tokens(mac).split("crate::").skip(1) {
            let end = rest.find(|c: char| c != '_' && !c.is_alphanumeric());
            let name = &rest[..end.unwrap_or(rest.len())];
            self.path(&["crate".to_owned(), name.to_owned()]);
        }
        visit::visit_macro(self, mac);
    }
}
