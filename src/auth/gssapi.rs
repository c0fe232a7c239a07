//! The system's GSSAPI (RFC 2744), loaded when it is needed and not before: Kerberos belongs to the system, with its
//! ticket cache and its settings, and most users have none.
//!
//! The crates for it link to the library when they are built, which a machine without Kerberos could not do.

use libloading::Library;
use std::ffi::{c_int, c_void};
use std::ptr;

/// MIT's, then Heimdal's.
const LIBRARIES: [&str; 2] = ["libgssapi_krb5.so.2", "libgssapi.so.3"];

/// 1.3.6.1.5.5.2 (RFC 4178 §3).
const SPNEGO: &[u8] = &[0x2b, 6, 1, 5, 5, 2];
/// 1.2.840.113554.1.2.2 (RFC 1964 §1).
const KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2];
/// 1.2.840.113554.1.2.1.4, `service@host` (RFC 2744 §4.1).
const HOST_SERVICE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 1, 4];

const CONTINUE_NEEDED: u32 = 1;
/// Calling and routine errors (RFC 2744 §3.9.1).
const ERRORS: u32 = 0xffff_0000;
/// GSS_C_GSS_CODE and GSS_C_MECH_CODE.
const MAJOR: c_int = 1;
const MINOR: c_int = 2;

#[repr(C)]
struct Oid {
    length: u32,
    elements: *mut c_void,
}

#[repr(C)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

type Name = *mut c_void;
type Handle = *mut c_void;

type ImportName = unsafe extern "C" fn(*mut u32, *mut Buffer, *mut Oid, *mut Name) -> u32;
type InitSecContext = unsafe extern "C" fn(
    *mut u32,
    *mut c_void,
    *mut Handle,
    Name,
    *mut Oid,
    u32,
    u32,
    *mut c_void,
    *mut Buffer,
    *mut *mut Oid,
    *mut Buffer,
    *mut u32,
    *mut u32,
) -> u32;
type ReleaseName = unsafe extern "C" fn(*mut u32, *mut Name) -> u32;
type ReleaseBuffer = unsafe extern "C" fn(*mut u32, *mut Buffer) -> u32;
type DeleteSecContext = unsafe extern "C" fn(*mut u32, *mut Handle, *mut Buffer) -> u32;
type DisplayStatus =
    unsafe extern "C" fn(*mut u32, u32, c_int, *mut Oid, *mut u32, *mut Buffer) -> u32;

/// The library's functions, alive as long as it is.
struct Functions {
    import_name: ImportName,
    init_sec_context: InitSecContext,
    release_name: ReleaseName,
    release_buffer: ReleaseBuffer,
    delete_sec_context: DeleteSecContext,
    display_status: DisplayStatus,
    _library: Library,
}

/// A security context that is being established with one service.
pub struct Context {
    functions: Functions,
    service: Name,
    handle: Handle,
}

// SAFETY: a context may be used by one thread after the other (RFC 2744 does not tie it to one, and both libraries say
// so); nothing here lets two use it at once, as every call takes `&mut self`.
unsafe impl Send for Context {}

impl Context {
    /// For `service@host`. Loads the library.
    pub fn new(service: &str) -> Result<Self, String> {
        let functions = Functions::load()?;
        let mut name: Name = ptr::null_mut();
        let mut input = buffer(service.as_bytes());
        let mut kind = oid(HOST_SERVICE);
        let mut minor = 0;
        // SAFETY: all pointers are to locals that outlive the call; the library copies what it keeps.
        let major =
            unsafe { (functions.import_name)(&mut minor, &mut input, &mut kind, &mut name) };
        if major & ERRORS != 0 {
            return Err(functions.told(major, minor));
        }
        Ok(Context {
            functions,
            service: name,
            handle: ptr::null_mut(),
        })
    }

    /// The next token for the service, and whether one is expected in answer. May ask a KDC, and wait for it.
    pub fn step(&mut self, token: Option<&[u8]>) -> Result<(Vec<u8>, bool), String> {
        let first = self.handle.is_null();
        self.step_by(SPNEGO, token).map_err(|told| {
            // SPNEGO only says that it found nothing to negotiate; Kerberos by itself knows why.
            if !first {
                return told;
            }
            self.forget();
            let why = self.step_by(KERBEROS, None).err();
            self.forget();
            why.unwrap_or(told)
        })
    }

    fn step_by(&mut self, by: &[u8], token: Option<&[u8]>) -> Result<(Vec<u8>, bool), String> {
        let mut input = buffer(token.unwrap_or_default());
        let mut output = buffer(&[]);
        let mut mechanism = oid(by);
        let mut minor = 0;
        // SAFETY: the handle and the name are the library's own; the other pointers are to locals that outlive the call
        // or are null where null stands for a default (RFC 2744 §5.19).
        let major = unsafe {
            (self.functions.init_sec_context)(
                &mut minor,
                ptr::null_mut(),
                &mut self.handle,
                self.service,
                &mut mechanism,
                0,
                0,
                ptr::null_mut(),
                &mut input,
                ptr::null_mut(),
                &mut output,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        let token = self.functions.taken(&mut output);
        if major & ERRORS != 0 {
            return Err(self.functions.told(major, minor));
        }
        Ok((token, major & CONTINUE_NEEDED != 0))
    }

    /// Back to the beginning.
    fn forget(&mut self) {
        let mut minor = 0;
        // SAFETY: the handle is the library's own or null, and null afterwards.
        unsafe {
            (self.functions.delete_sec_context)(&mut minor, &mut self.handle, ptr::null_mut())
        };
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        self.forget();
        let mut minor = 0;
        // SAFETY: it was made by the library, and is not used after this.
        unsafe { (self.functions.release_name)(&mut minor, &mut self.service) };
    }
}

impl Functions {
    fn load() -> Result<Self, String> {
        let library = LIBRARIES.iter().find_map(|name| {
            // SAFETY: the system's own libraries, whose initialisers do nothing but set themselves up.
            unsafe { Library::new(*name) }.ok()
        });
        let library = library.ok_or("no GSSAPI library here; Debian has it as libgssapi-krb5-2")?;
        let missing = |e: libloading::Error| format!("the GSSAPI library is not usable: {e}");
        // SAFETY: the types are those of RFC 2744's C bindings, which both libraries keep.
        unsafe {
            Ok(Functions {
                import_name: *library.get(b"gss_import_name\0").map_err(missing)?,
                init_sec_context: *library.get(b"gss_init_sec_context\0").map_err(missing)?,
                release_name: *library.get(b"gss_release_name\0").map_err(missing)?,
                release_buffer: *library.get(b"gss_release_buffer\0").map_err(missing)?,
                delete_sec_context: *library.get(b"gss_delete_sec_context\0").map_err(missing)?,
                display_status: *library.get(b"gss_display_status\0").map_err(missing)?,
                _library: library,
            })
        }
    }

    /// The octets of a buffer that the library filled, which is given back to it.
    fn taken(&self, buffer: &mut Buffer) -> Vec<u8> {
        let octets = match buffer.value.is_null() {
            true => Vec::new(),
            // SAFETY: the library says that so many octets are there.
            false => unsafe {
                std::slice::from_raw_parts(buffer.value.cast::<u8>(), buffer.length).to_vec()
            },
        };
        let mut minor = 0;
        // SAFETY: what is in it is the library's, or nothing.
        unsafe { (self.release_buffer)(&mut minor, buffer) };
        octets
    }

    /// The library's words: the mechanism's own, which tell more, or else the general ones.
    fn told(&self, major: u32, minor: u32) -> String {
        let words = self.words(minor, MINOR, KERBEROS);
        match minor == 0 || words.is_empty() || words.starts_with("Unknown") {
            true => self.words(major, MAJOR, SPNEGO),
            false => words,
        }
    }

    fn words(&self, status: u32, kind: c_int, mechanism: &[u8]) -> String {
        let (mut minor, mut more) = (0, 0);
        let mut output = buffer(&[]);
        let mut mechanism = oid(mechanism);
        // SAFETY: all pointers are to locals that outlive the call. The first of several messages is enough.
        unsafe {
            (self.display_status)(
                &mut minor,
                status,
                kind,
                &mut mechanism,
                &mut more,
                &mut output,
            )
        };
        String::from_utf8_lossy(&self.taken(&mut output)).into_owned()
    }
}

/// For reading only: the library does not write to what it is given.
fn oid(elements: &[u8]) -> Oid {
    Oid {
        length: elements.len() as u32,
        elements: elements.as_ptr().cast_mut().cast(),
    }
}

fn buffer(octets: &[u8]) -> Buffer {
    Buffer {
        length: octets.len(),
        value: match octets.is_empty() {
            true => ptr::null_mut(),
            false => octets.as_ptr().cast_mut().cast(),
        },
    }
}
