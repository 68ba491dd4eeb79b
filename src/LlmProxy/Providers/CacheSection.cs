namespace LlmProxy.Providers;

/// <summary>Reads what the provider file says under <c>cache</c>.</summary>
internal sealed class CacheSection(ConfigSection section, ConfigComplaints complaints)
{
    private const string DefaultTtlEndpoints = "default_ttl_endpoints";
    private const int PostRulesMax = 100;

    private static readonly TimeSpan TtlMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TtlMax = TimeSpan.FromDays(30);

    public ProviderCache Read()
    {
        var endpoints = ReadEndpoints(section, DefaultTtlEndpoints, section.Texts(DefaultTtlEndpoints));
        var post = section.Sections("post");
        if (post.Count > PostRulesMax)
        {
            Complain(section.Place, section.NameOf("post"), $"must have at most {PostRulesMax} entries.");
        }

        var rules = post.Take(PostRulesMax).Select(ReadPostRule).ToList();
        section.RefuseUnknown();
        return new ProviderCache(endpoints, rules);
    }

    private CachePostRule ReadPostRule(ConfigSection post)
    {
        var endpoint = post.Find("endpoint");
        var endpoints = ReadEndpoints(post, "endpoint", endpoint switch
        {
            null => [],
            { Text: not null } => [endpoint],
            _ => post.TextsOf(endpoint, post.NameOf("endpoint")),
        });
        if (endpoint is null or { Items.Count: 0 })
        {
            Complain(post.Place, post.NameOf("endpoint"), "must be there: whose answers are kept.");
        }

        if (post.Find("ttl") is null)
        {
            Complain(post.Place, post.NameOf("ttl"), "must be there: how long an answer is fresh.");
        }

        var ttl = post.Duration("ttl", TtlMin, TtlMin, TtlMax);
        var rule = new CachePostRule(endpoints, ttl, ReadConditions(post.Section("when"), post.NameOf("when")));
        post.RefuseUnknown();
        return rule;
    }

    private List<BodyCondition> ReadConditions(ConfigSection? when, string name)
    {
        var conditions = new List<BodyCondition>();
        if (when is { Entries.Count: > CachePostRule.ConditionsMax })
        {
            Complain(when.Place, name, $"must have at most {CachePostRule.ConditionsMax} members.");
            return conditions;
        }

        foreach (var entry in when?.Entries ?? [])
        {
            if (BodyCondition.Of(entry.Key, entry.Value) is { } condition)
            {
                conditions.Add(condition);
            }
            else
            {
                Complain(entry.Value.Place, $"{name}.{entry.Key}",
                    "must be a text, true, false, null or a number as JSON writes it; a text of digits in quotes.");
            }
        }

        return conditions;
    }

    private EndpointList ReadEndpoints(ConfigSection from, string key, IReadOnlyList<ConfigNode> patterns)
    {
        var read = new List<string>();
        foreach (var pattern in patterns)
        {
            if (EndpointList.FaultOf(pattern.Text!) is { } fault)
            {
                Complain(pattern.Place, from.NameOf(key), $"has '{pattern.Text}', which {fault}.");
            }
            else
            {
                read.Add(pattern.Text!);
            }
        }

        return new EndpointList(read);
    }

    private void Complain(ConfigPlace place, string name, string predicate) =>
        complaints.Add(place, $"{name} {predicate}");
}
