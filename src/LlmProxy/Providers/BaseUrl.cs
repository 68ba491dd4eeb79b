using LlmProxy.Http;

namespace LlmProxy.Providers;

/// <summary>Where a provider is: a fixed scheme and host, and a path that precedes what the client asks for.</summary>
internal sealed class BaseUrl
{
    private BaseUrl(Uri address, string path) =>
        (Address, Origin, Path) = (address, address.GetLeftPart(UriPartial.Authority), path);

    public Uri Address { get; }

    public string Origin { get; }

    /// <summary>Without a closing slash; empty when there is none.</summary>
    public string Path { get; }

    /// <summary>The base URL, or null with a clause that says what is wrong with it.</summary>
    /// <param name="text">As it was configured.</param>
    /// <param name="allowHttp">Whether the provider's key may travel in clear to other machines.</param>
    /// <param name="wrong">Completes the sentence "… must be an https URL: it …".</param>
    public static BaseUrl? Parse(string text, bool allowHttp, out string wrong)
    {
        var path = string.Empty;
        wrong = FaultOfText(text);
        if (wrong.Length == 0 && !IsPlainPath(text, out path))
        {
            wrong = "has a path with '//', dot segments or characters that no path has";
        }

        if (wrong.Length > 0)
        {
            return null;
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var address) || address.Host.Length == 0 || address.Port <= 0)
        {
            wrong = "is not a URL with a host";
            return null;
        }

        if (address.Scheme == Uri.UriSchemeHttp && !allowHttp && !address.IsLoopback)
        {
            wrong = "is plain http to another machine, which would show the provider key to the network "
                + "(ALLOW_HTTP_UPSTREAM=true permits it)";
            return null;
        }

        return new BaseUrl(address, path);
    }

    /// <summary>What is wrong, seen before .NET repairs it: it drops tabs and turns backslashes round.</summary>
    private static string FaultOfText(string text) => text switch
    {
        _ when !text.StartsWith("https://", StringComparison.OrdinalIgnoreCase)
            && !text.StartsWith("http://", StringComparison.OrdinalIgnoreCase) => "does not start with https://",
        _ when text.AsSpan().ContainsAnyExceptInRange('!', '~') =>
            "has white space, a control character or one beyond ASCII (write such a host as xn--…)",
        _ when text.Contains('?', StringComparison.Ordinal) => "has a query",
        _ when text.Contains('#', StringComparison.Ordinal) => "has a fragment",
        _ when AuthorityOf(text).Contains('@') => "has a user or password",
        _ when AuthorityOf(text).ContainsAny('%', '\\') => "has a host with an escaped character",
        _ => string.Empty,
    };

    private static bool IsPlainPath(string text, out string path)
    {
        var rest = text[(text.IndexOf("://", StringComparison.Ordinal) + "://".Length)..];
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        path = slash < 0 ? string.Empty : rest[slash..];
        path = path.EndsWith('/') ? path[..^1] : path;
        return path.Length == 0 || (!path.EndsWith('/') && RequestTarget.TryParse(path, out _));
    }

    private static ReadOnlySpan<char> AuthorityOf(string text)
    {
        var rest = text.AsSpan(text.IndexOf("://", StringComparison.Ordinal) + "://".Length);
        var slash = rest.IndexOf('/');
        return slash < 0 ? rest : rest[..slash];
    }
}
