using System.Collections.Frozen;
using LlmProxy.Http;

namespace LlmProxy.Providers;

/// <summary>Reads what the provider file says about one provider: every key, its default and its bounds.</summary>
internal sealed class ProviderSection(ConfigSection section, ConfigComplaints complaints)
{
    public static readonly TimeSpan TimeoutMin = TimeSpan.FromMilliseconds(10);
    public static readonly TimeSpan TimeoutMax = TimeSpan.FromHours(24);

    private const int IdleConnectionsDefault = 1000;
    private const int IdleConnectionsMax = 1_000_000;

    private static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

    // A key in one of these would break the request or be sent on by machines that do not know it for a secret.
    private static readonly FrozenSet<string> NoKeyHeaders = FrozenSet.ToFrozenSet(
    [
        "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Cookie", "Expect", "Host", "Keep-Alive",
        "Origin", "Referer", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "Via",
    ], StringComparer.OrdinalIgnoreCase);

    /// <summary>Null when something is wrong, which was complained of.</summary>
    public Provider? Read(string name, ProviderOverrides overrides)
    {
        var baseUrl = ReadBaseUrl(overrides.AllowHttp);
        var auth = ReadAuth();
        var endpoints = ReadEndpoints();
        var methods = ReadMethods();
        var requiredHeaders = ReadRequiredHeaders();
        var origins = ReadOrigins();
        var paramRules = ReadParamRules();
        var timeouts = ReadTimeouts(overrides.ResponseHeaderMax);
        var connection = ReadConnection();
        var injectsStreamUsage = ReadSwitch("inject_stream_usage");
        var cache = section.Section("cache") is { } caching ? new CacheSection(caching, complaints).Read() : null;
        var resilience = section.Section("resilience") is { } failing
            ? new ResilienceSection(failing, complaints).Read()
            : null;
        section.RefuseUnknown();
        if (baseUrl is null)
        {
            return null;
        }

        return new Provider(
            name,
            name == ProviderOverrides.OpenAi ? overrides.OpenAiUrl ?? baseUrl : baseUrl,
            auth,
            new EndpointList(endpoints),
            new RequestRules(methods, requiredHeaders, origins, new ParamRules(paramRules)),
            timeouts,
            connection,
            injectsStreamUsage,
            cache,
            resilience);
    }

    private BaseUrl? ReadBaseUrl(bool allowHttp)
    {
        if (section.Text("base_url") is not { } value)
        {
            Complain(section.Place, "base_url", "must be there: where the provider's API is.");
            return null;
        }

        var url = BaseUrl.Parse(value.Text!, allowHttp, out var wrong);
        if (url is null)
        {
            Complain(value.Place, "base_url", $"must be an https URL: it {wrong}.");
        }

        return url;
    }

    private ProviderAuth ReadAuth()
    {
        switch (section.Find("auth"))
        {
            case null or { Text: "bearer" }:
                return ProviderAuth.Bearer;
            case { Entries: [{ Key: "header", Value: { Text: { } header } value }] }:
                if (HeaderName.IsValid(header) && !NoKeyHeaders.Contains(header))
                {
                    return ProviderAuth.Header(header);
                }

                Complain(value.Place, "auth.header", $"cannot be '{header}': no key can be sent in it; x-api-key can.");
                break;
            case { Text: "query" } or { Entries: [{ Key: "query" }, ..] }:
                Complain(section.Find("auth")!.Place, "auth",
                    "cannot be 'query': a key in a URL ends up in logs. Use bearer or a header.");
                break;
            case var other:
                Complain(other.Place, "auth", "must be 'bearer' or {header: name-of-the-header}.");
                break;
        }

        return ProviderAuth.Bearer;
    }

    private string[] ReadEndpoints()
    {
        var patterns = ReadList("allowed_endpoints", EndpointList.FaultOf);
        if (patterns.Length == 0)
        {
            Complain(section.Place, "allowed_endpoints", "must name at least one endpoint; '/*' allows all of them.");
        }

        return patterns;
    }

    private string[] ReadMethods()
    {
        var named = ReadList("allowed_methods", static method =>
            Methods.Contains(method.ToUpperInvariant()) || method.Equals("OPTIONS", StringComparison.OrdinalIgnoreCase)
                ? null
                : $"is not one of {string.Join(", ", Methods)}");

        // Files of the original list OPTIONS. It is accepted and means nothing: preflights are answered by us.
        string[] allowed = [.. Methods.Where(method => named.Contains(method, StringComparer.OrdinalIgnoreCase))];
        if (allowed.Length == 0)
        {
            Complain(section.Place, "allowed_methods", $"must name at least one of {string.Join(", ", Methods)}.");
        }

        return allowed;
    }

    private string[] ReadRequiredHeaders() =>
        ReadList("required_headers", static name => HeaderName.IsValid(name) ? null : "is not a header name");

    private string[] ReadOrigins() => ReadList("allowed_origins", Origins.FaultOf);

    private List<ParamRule> ReadParamRules()
    {
        var rules = new List<ParamRule>();
        if (section.Section("param_whitelist") is not { } whitelist)
        {
            return rules;
        }

        foreach (var entry in whitelist.Entries)
        {
            var name = whitelist.NameOf(entry.Key);
            if (entry.Value.IsNull || entry.Value.Items is { Count: 0 })
            {
                complaints.Add(entry.Place, $"{name} must list at least one pattern; '*' allows any without a slash.");
                continue;
            }

            if (rules.Exists(rule => rule.Name.Equals(entry.Key, StringComparison.OrdinalIgnoreCase)))
            {
                complaints.Add(entry.Place, $"{name} differs from another one in case only; it does not count here.");
                continue;
            }

            rules.Add(new ParamRule(entry.Key, ReadGlobs(whitelist.TextsOf(entry.Value, name), name)));
        }

        return rules;
    }

    private List<Glob> ReadGlobs(IReadOnlyList<ConfigNode> patterns, string name)
    {
        var globs = new List<Glob>();
        foreach (var pattern in patterns)
        {
            if (Glob.Parse(pattern.Text!, out var wrong) is { } glob)
            {
                globs.Add(glob);
            }
            else
            {
                complaints.Add(pattern.Place, $"{name}: the pattern '{pattern.Text}' {wrong}.");
            }
        }

        return globs;
    }

    private ProviderTimeouts ReadTimeouts(TimeSpan responseHeaderMax)
    {
        var timeouts = section.Section("timeouts");
        var responseHeader = ReadTimeout("response_header", TimeSpan.FromMinutes(2));
        var read = new ProviderTimeouts(
            ReadTimeout("connect", TimeSpan.FromSeconds(5)),
            ReadTimeout("request", TimeSpan.FromMinutes(10)),
            responseHeader < responseHeaderMax ? responseHeader : responseHeaderMax,
            ReadTimeout("idle_connection", TimeSpan.FromSeconds(90)),
            ReadTimeout("stream_idle", TimeSpan.FromSeconds(120)));

        // Every read is passed on at once, so there is nothing to flush; files that have it stay valid.
        timeouts?.Duration("flush_interval", TimeSpan.Zero, TimeSpan.Zero, TimeoutMax);
        timeouts?.RefuseUnknown();
        return read;

        TimeSpan ReadTimeout(string key, TimeSpan byDefault) =>
            timeouts?.Duration(key, byDefault, TimeoutMin, TimeoutMax) ?? byDefault;
    }

    /// <summary>A provider is one host, so both keys bound the same connections; 0 is no bound.</summary>
    private ProviderConnection ReadConnection()
    {
        var connection = section.Section("connection");
        var bound = Math.Min(ReadBound("max_idle_conns"), ReadBound("max_idle_conns_per_host"));
        connection?.RefuseUnknown();
        return new ProviderConnection(bound);

        int ReadBound(string key) =>
            connection?.Number(key, IdleConnectionsDefault, IdleConnectionsMax) switch
            {
                null => IdleConnectionsDefault,
                0 => int.MaxValue,
                { } bound => bound,
            };
    }

    private bool ReadSwitch(string key)
    {
        switch (section.Text(key))
        {
            case null or { Text: "false" }:
                return false;
            case { Text: "true" }:
                return true;
            case var other:
                Complain(other.Place, key, $"must be true or false, not '{other.Text}'.");
                return false;
        }
    }

    /// <summary>The entries of a list that are right; those that are not are complained of.</summary>
    private string[] ReadList(string key, Func<string, string?> faultOf)
    {
        var read = new List<string>();
        foreach (var item in section.Texts(key))
        {
            if (faultOf(item.Text!) is { } fault)
            {
                Complain(item.Place, key, $"has '{item.Text}', which {fault}.");
            }
            else
            {
                read.Add(item.Text!);
            }
        }

        return [.. read];
    }

    private void Complain(ConfigPlace place, string key, string predicate) =>
        complaints.Add(place, $"{section.NameOf(key)} {predicate}");
}
