//! Floor 0: `#[derive(Shape)]`: a struct of numbers becomes a kind of entity. Owns the attributes and what they expand to; what a kind may be is
//! checked by `hillfort-sync` when the schema is made.
//!
//! On the struct: `#[shape(name = "squad", at(x, y))]`; without a name it is the struct's own in lower case. On a field, one of
//! `fixed(min, max, step)`, `angle(bits)`, `int(min, max)`; a `bool` needs none. Besides: `when = "change" | "always" | "join"`,
//! `to = "all" | "owner" | "team"`, `tier = "near" | "mid" | "far"`, `extrapolate = steps`. A field with `#[shape(skip)]` stays with the server.

#![forbid(unsafe_code)]

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::parse::Parse;
use syn::punctuated::Punctuated;
use syn::{Data, DeriveInput, Expr, Field, Fields, Ident, LitStr, Token, Type, parenthesized, parse_macro_input};

/// Makes a struct a `hillfort_world::sync::Shape`. See the crate's documentation for its attributes.
#[proc_macro_derive(Shape, attributes(shape))]
pub fn shape(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// What is said of the struct.
struct Whole {
    name: String,
    at: Option<[String; 2]>,
}

/// What is said of a field.
#[derive(Default)]
struct Part {
    skip: bool,
    ty: Option<Tokens>,
    when: Option<Tokens>,
    to: Option<Tokens>,
    tier: Option<Tokens>,
    extrapolate: Option<Expr>,
}

fn expand(input: &DeriveInput) -> syn::Result<Tokens> {
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new_spanned(&input.ident, "only a struct can be a Shape"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(syn::Error::new_spanned(&input.ident, "a Shape has named fields"));
    };
    let whole = Whole::read(input)?;
    let (mut kinds, mut writes) = (Vec::new(), Vec::new());
    let mut number = 0_usize;
    for field in &fields.named {
        let part = Part::read(field)?;
        if part.skip {
            continue;
        }
        let (Some(ident), ty) = (&field.ident, part.field_type(field)?) else { continue };
        let name = ident.to_string();
        let changes = part.changes();
        kinds.push(quote! {
            .with({
                #[allow(unused_mut, reason = "not every field says more")]
                let mut field = sync::Field::new(#name, #ty);
                #(#changes)*
                field
            })
        });
        let value = as_number(&field.ty, ident);
        writes.push(quote! { scene.set(entity, #number, #value)?; });
        number += 1;
    }
    let (ident, name) = (&input.ident, &whole.name);
    let at = whole.at.map(|[x, y]| quote! { .at(#x, #y) });
    let (generics, types, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        const _: () = {
            use ::hillfort_world::sync;

            impl #generics sync::Shape for #ident #types #bounds {
                fn kind() -> sync::Kind {
                    sync::Kind::new(#name) #(#kinds)* #at
                }

                fn write(&self, scene: &mut sync::Scene, entity: sync::Entity) -> ::core::result::Result<(), sync::SceneError> {
                    #(#writes)*
                    Ok(())
                }
            }
        };
    })
}

/// The field as the number that travels.
fn as_number(ty: &Type, ident: &Ident) -> Tokens {
    match ty {
        Type::Path(path) if path.path.is_ident("f32") => quote! { self.#ident },
        Type::Path(path) if path.path.is_ident("bool") => quote! { if self.#ident { 1.0 } else { 0.0 } },
        // Whole numbers of up to 24 bits are exact; others are brought to the nearest that fits anyway.
        _ => {
            quote! {{
                #[allow(
                    clippy::cast_precision_loss,
                    clippy::cast_lossless,
                    clippy::cast_possible_truncation,
                    reason = "bounded by the field"
                )]
                { self.#ident as f32 }
            }}
        }
    }
}

impl Whole {
    fn read(input: &DeriveInput) -> syn::Result<Self> {
        let mut whole = Self { name: input.ident.to_string().to_lowercase(), at: None };
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("shape")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("name") {
                    whole.name = meta.value()?.parse::<LitStr>()?.value();
                    return Ok(());
                }
                if meta.path.is_ident("at") {
                    let names: Vec<Ident> = arguments(&meta)?;
                    let [x, y] = &names[..] else { return Err(meta.error("`at` names two fields")) };
                    whole.at = Some([x.to_string(), y.to_string()]);
                    return Ok(());
                }
                Err(meta.error("a struct's shape has `name = \"…\"` and `at(x, y)`"))
            })?;
        }
        Ok(whole)
    }
}

impl Part {
    fn read(field: &Field) -> syn::Result<Self> {
        let mut part = Self::default();
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("shape")) {
            attribute.parse_nested_meta(|meta| part.take(&meta))?;
        }
        Ok(part)
    }

    fn take(&mut self, meta: &syn::meta::ParseNestedMeta<'_>) -> syn::Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "skip" => self.skip = true,
            "fixed" => match &arguments::<Expr>(meta)?[..] {
                [min, max, step] => self.ty = Some(quote! { sync::FieldType::Fixed { min: #min, max: #max, step: #step } }),
                _ => return Err(meta.error("fixed(min, max, step)")),
            },
            "int" => match &arguments::<Expr>(meta)?[..] {
                [min, max] => self.ty = Some(quote! { sync::FieldType::Int { min: #min, max: #max } }),
                _ => return Err(meta.error("int(min, max)")),
            },
            "angle" => match &arguments::<Expr>(meta)?[..] {
                [bits] => self.ty = Some(quote! { sync::FieldType::Angle { bits: #bits } }),
                _ => return Err(meta.error("angle(bits)")),
            },
            "when" => self.when = Some(choice(meta, "When", &["change", "always", "join"])?),
            "to" => self.to = Some(choice(meta, "To", &["all", "owner", "team"])?),
            "tier" => self.tier = Some(choice(meta, "Tier", &["near", "mid", "far"])?),
            "extrapolate" => self.extrapolate = Some(meta.value()?.parse()?),
            _ => return Err(meta.error("fixed(…), angle(…), int(…), when, to, tier, extrapolate or skip")),
        }
        Ok(())
    }

    fn field_type(&self, field: &Field) -> syn::Result<Tokens> {
        match (&self.ty, &field.ty) {
            (Some(ty), _) => Ok(ty.clone()),
            (None, Type::Path(path)) if path.path.is_ident("bool") => Ok(quote! { sync::FieldType::Bool }),
            _ => Err(syn::Error::new_spanned(
                field,
                "say what it may be: #[shape(fixed(min, max, step))], angle(bits), int(min, max), or skip",
            )),
        }
    }

    fn changes(&self) -> Vec<Tokens> {
        let when = self.when.as_ref().map(|when| quote! { field.when = #when; });
        let to = self.to.as_ref().map(|to| quote! { field.to = #to; });
        let tier = self.tier.as_ref().map(|tier| quote! { field.tier = #tier; });
        let extrapolate = self.extrapolate.as_ref().map(|steps| quote! { field.extrapolate = Some(#steps); });
        [when, to, tier, extrapolate].into_iter().flatten().collect()
    }
}

fn arguments<T: Parse>(meta: &syn::meta::ParseNestedMeta<'_>) -> syn::Result<Vec<T>> {
    let content;
    parenthesized!(content in meta.input);
    Ok(Punctuated::<T, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}

/// One of the words, as a variant of an enum of `hillfort-sync`.
fn choice(meta: &syn::meta::ParseNestedMeta<'_>, name: &str, words: &[&str]) -> syn::Result<Tokens> {
    let word = meta.value()?.parse::<LitStr>()?;
    let text = word.value();
    if !words.contains(&text.as_str()) {
        return Err(syn::Error::new_spanned(word, format!("one of {}", words.join(", "))));
    }
    let mut variant = text[..1].to_uppercase();
    variant.push_str(&text[1..]);
    let (name, variant) = (Ident::new(name, word.span()), Ident::new(&variant, word.span()));
    Ok(quote! { sync::#name::#variant })
}
