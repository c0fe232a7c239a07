//! What stands in a source: `unsafe`, panics, and modules that are for tests only.

use super::{place, tokens};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Token};

pub fn code(source: &str) -> Code {
    let mut code = Code::default();
    code.visit_file(&syn::parse_file(source).expect("the source parses"));
    code
}

/// What stands in code that is not for tests only; `unsafe` counts everywhere.
#[derive(Default)]
pub struct Code {
    pub unsafe_count: usize,
    pub panics: Vec<String>,
    test_files: Vec<String>,
    testing: usize,
}

impl Code {
    /// Files of modules that are declared for tests only.
    pub fn test_modules(&self, file: &str) -> Vec<String> {
        let folder = place(file).join("/");
        let names = self.test_files.iter();
        names.map(|name| format!("{folder}/{name}.rs")).collect()
    }

    fn panic(&mut self, what: impl Into<String>) {
        if self.testing == 0 {
            self.panics.push(what.into());
        }
    }

    fn item(&mut self, attributes: &[Attribute], visit: impl FnOnce(&mut Self)) {
        let testing = usize::from(attributes.iter().any(is_cfg_test));
        self.testing += testing;
        visit(self);
        self.testing -= testing;
    }
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    let terms = Punctuated::<syn::Meta, Token![,]>::parse_terminated;
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args_with(terms)
            .is_ok_and(|terms| terms.iter().any(|term| term.path().is_ident("test")))
}

impl<'a> Visit<'a> for Code {
    fn visit_item(&mut self, item: &'a syn::Item) {
        use syn::Item;
        let attributes = match item {
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => {
                self.unsafe_count += usize::from(item.unsafety.is_some());
                &item.attrs
            }
            Item::Mod(item) => {
                if item.content.is_none() && item.attrs.iter().any(is_cfg_test) {
                    self.test_files.push(item.ident.to_string());
                }
                &item.attrs
            }
            Item::Trait(item) => {
                self.unsafe_count += usize::from(item.unsafety.is_some());
                &item.attrs
            }
            Item::ForeignMod(item) => {
                self.unsafe_count += usize::from(item.unsafety.is_some());
                &item.attrs
            }
            _ => return visit::visit_item(self, item),
        };
        self.item(attributes, |code| visit::visit_item(code, item));
    }

    fn visit_impl_item_fn(&mut self, method: &'a syn::ImplItemFn) {
        self.item(&method.attrs, |code| {
            visit::visit_impl_item_fn(code, method)
        });
    }

    fn visit_signature(&mut self, signature: &'a syn::Signature) {
        self.unsafe_count += usize::from(signature.unsafety.is_some());
        visit::visit_signature(self, signature);
    }

    fn visit_expr_unsafe(&mut self, block: &'a syn::ExprUnsafe) {
        self.unsafe_count += 1;
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        if call.method == "unwrap" || call.method == "expect" {
            self.panic(format!(".{}()", call.method));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_path(&mut self, path: &'a syn::ExprPath) {
        let last = path.path.segments.last().map(|s| s.ident.to_string());
        if path.path.segments.len() > 1 && matches!(last.as_deref(), Some("unwrap" | "expect")) {
            self.panic("unwrap or expect as a function");
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'a syn::Macro) {
        let panics = ["panic", "todo", "unimplemented"];
        let name = mac.path.segments.last().map(|s| s.ident.to_string());
        let name = name.unwrap_or_default();
        if panics.contains(&name.as_str()) {
            self.panic(format!("{name}!"));
        }
        let tokens = tokens(mac);
        for hidden in [".unwrap()", ".expect(", "panic!(", "todo!("] {
            for _ in tokens.matches(hidden) {
                self.panic(format!("{hidden} in {name}!"));
            }
        }
        self.unsafe_count += tokens.matches("unsafe{").count();
        visit::visit_macro(self, mac);
    }
}
