namespace LlmProxy.Cli;

/// <summary>A project and a token, made through the API: what <c>setup</c> and <c>demo</c> begin with.</summary>
internal static class FirstSteps
{
    public static async Task<ProjectView> MakeProjectAsync(
        ApiClient api, string name, string key, CancellationToken stop)
    {
        var wanted = new NewProject { Name = name, ApiKey = key };
        var made = await api.PostAsync("manage/projects", wanted, CliJson.Default.NewProject, stop);
        return ApiView.Of(made, CliJson.Default.ProjectView);
    }

    /// <summary>The token with its secret, for any number of requests.</summary>
    public static async Task<TokenView> MakeTokenAsync(
        ApiClient api, string projectId, TimeSpan lifetime, CancellationToken stop)
    {
        var wanted = new NewToken(projectId, (long)lifetime.TotalMinutes, ExpiresAt: null);
        var made = await api.PostAsync("manage/tokens", wanted, CliJson.Default.NewToken, stop);
        return ApiView.Of(made, CliJson.Default.TokenView);
    }
}
