using System.Collections.Generic;
using System.IO;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Http;

namespace Tokenbroker.Http;

/// <summary>
/// The web pages, for customers and of the API: files as they are, which use the API as every other customer does.
/// Nothing comes from elsewhere, and nothing that a node or another customer has named is ever taken for markup or code.
/// </summary>
internal static class Page
{
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    internal static IReadOnlyList<(string Route, string Kind, byte[] Text)> Files { get; } =
    [
        ("/", "text/html; charset=utf-8", Load("index.html")),
        ("/api", "text/html; charset=utf-8", Load("api.html")),
        ("/api.js", "text/javascript; charset=utf-8", Load("api.js")),
        ("/page.css", "text/css; charset=utf-8", Load("page.css")),
        ("/page.js", "text/javascript; charset=utf-8", Load("page.js")),
    ];

    private static byte[] Load(string name)
    {
        using Stream stream = typeof(Page).Assembly.GetManifestResourceStream(name)!;
        using MemoryStream all = new();
        stream.CopyTo(all);
        return all.ToArray();
    }

    /// <summary>The headers of every file.</summary>
    internal static void Protect(HttpResponse response)
    {
        response.Headers.ContentSecurityPolicy = Policy;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["Referrer-Policy"] = "no-referrer";
    }
}
