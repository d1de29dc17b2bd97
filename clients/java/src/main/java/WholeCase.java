import cardcase.client.ApiClient;
import cardcase.client.ApiException;
import cardcase.client.CasesApi;
import cardcase.client.EventsApi;
import cardcase.client.model.Approve;
import cardcase.client.model.CaseView;
import cardcase.client.model.ConfirmDownstream;
import cardcase.client.model.Document;
import cardcase.client.model.NumberChangeApplication;
import cardcase.client.model.OpenCaseRequest;
import cardcase.client.model.Status;
import cardcase.client.model.TransitionRead;
import cardcase.client.model.VerifyDocuments;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Collectors;

/** Drives a case to its end by the generated client, as everybody who has a part in it, each by a token of their own. */
public final class WholeCase {
  private static final int NOT_MODIFIED = 304;
  private static final int SECONDS = 30;
  private static final ObjectMapper JSON = ApiClient.createDefaultObjectMapper();

  private final String intake;
  private final Map<String, String> tokens;

  private WholeCase(String intake, Map<String, String> tokens) {
    this.intake = intake;
    this.tokens = tokens;
  }

  public static void main(String[] arguments) throws Exception {
    Map<String, String> environment = java.lang.System.getenv();
    Map<String, String> tokens = JSON.readValue(environment.get("TOKENS"), new TypeReference<>() {});
    NumberChangeApplication application = JSON.readValue(Path.of(arguments[0]).toFile(), NumberChangeApplication.class);
    java.lang.System.out.println(new WholeCase(environment.get("INTAKE"), tokens).drive(application));
  }

  private String drive(NumberChangeApplication application) throws ApiException {
    String id = new CasesApi(as("back_office")).openCase(new OpenCaseRequest(application), null).getCaseId();
    VerifyDocuments seen = new VerifyDocuments().originalSeen(true);
    for (Document document : until(id, Status.IN_REVIEW).getDocuments()) {
      seen.addCopiesItem(document.getSha256());
    }
    new EventsApi(as("clerk")).tellVerifyDocuments(id, seen, "verify-1", null);
    Approve approval = new Approve().content(until(id, Status.AWAITING_APPROVAL).getContent());
    new EventsApi(as("officer")).tellApprove(id, approval, "approve-1", null);
    CaseView asked = until(id, Status.APPLYING);
    for (cardcase.client.model.System system : asked.getAwaited()) {
      ConfirmDownstream answer =
          new ConfirmDownstream()
              .system(system)
              .publication(asked.getPublication())
              .confirmed(true)
              .reference(system.getValue() + "/1");
      new EventsApi(as(system.getValue())).tellConfirmDownstream(id, answer, null, null);
    }
    return new CasesApi(as("officer"))
        .readHistory(id).getTransitions().stream().map(TransitionRead::getEvent).collect(Collectors.joining(" "));
  }

  /** The case as soon as it stands there: nobody asks twice within half a minute. */
  private CaseView until(String id, Status status) throws ApiException {
    CasesApi cases = new CasesApi(as("clerk"));
    String seen = null;
    while (true) {
      try {
        var answer = cases.readCaseWithHttpInfo(id, SECONDS, seen);
        if (answer.getData().getStatus() == status) {
          return answer.getData();
        }
        seen = answer.getHeaders().get("etag").get(0);
      } catch (ApiException refused) {
        if (refused.getCode() != NOT_MODIFIED) {
          throw refused;
        }
      }
    }
  }

  private ApiClient as(String role) {
    ApiClient client = new ApiClient();
    client.updateBaseUri(intake);
    client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + tokens.get(role)));
    return client;
  }
}
